"""Symbols: what the libraries export begins with ls_, and they keep no writable globals.

Reads the built libraries beside the program (LOCKSTEP, or the first argument: a build folder);
exits with 77 where nothing is built.
"""
import glob
import os
import re
import subprocess
import sys

import lint

# Symbols that the compiler adds by itself for sanitizers, coverage and thread-local storage.
COMPILER = re.compile(r"^(__odr_asan|__gcov|__asan|__tsan|__ubsan|__emutls|_?_?start_|_?_?stop_)")
WRITABLE = (".data", ".bss", ".tdata", ".tbss", "*COM*")

# The few places that must remember something: one row each, with the reason.
GLOBALS_ALLOWED = {
    # The record of the thread's last failure (base/error.h); that a stop is asked for
    # (base/stop.h): a handler has no argument.
    "ls_base": {"last", "asked"},
    # The lock of HDF5, whose own state is one for the process (format/h5_private.h).
    "ls_format": {"alone"},
}


def build_folder():
    if len(sys.argv) > 1:
        return sys.argv[1]
    return os.path.dirname(os.environ.get("LOCKSTEP", ""))


def symbols(archive):
    """(object file, name, is global, section) of every defined symbol of an archive."""
    out = subprocess.run(["nm", "--format=sysv", "--defined-only", archive], check=True, text=True,
                         capture_output=True).stdout
    member = "?"
    for line in out.splitlines():
        header = re.match(r"Symbols from .*\[(.*)\]:", line)
        if header:
            member = header.group(1)
        fields = [f.strip() for f in line.split("|")]
        if len(fields) >= 7:
            yield member, fields[0], fields[2], fields[6]


def instrumented(folder):
    """Whether sanitizers or coverage add writable data of their own."""
    with open(os.path.join(folder, "CMakeCache.txt"), encoding="utf-8") as f:
        cache = f.read()
    return bool(re.search(r"^LS_SANITIZE:\w+=.+$|^LS_COVERAGE:\w+=(ON|1|TRUE)$", cache, re.M))


def main():
    folder = build_folder()
    archives = sorted(glob.glob(os.path.join(folder, "libls_*.a"))) if folder else []
    if not archives:
        print("skipped: no built libraries; build first, or name the build folder as argument")
        sys.exit(lint.SKIPPED)
    findings = lint.Findings()
    check_globals = not instrumented(folder)
    for archive in archives:
        library = os.path.basename(archive)[3:-2]
        module = library[3:]
        for member, name, kind, section in symbols(archive):
            source = f"src/{module}/{os.path.splitext(member)[0]}"
            if kind.isupper() and not name.startswith("ls_") and not COMPILER.match(name):
                findings.add(source, 1, f"exports {name}: make it static or call it ls_{name}")
            # A static local is called name.1234.
            bare = name.split(".")[0]
            if (check_globals and ".rel.ro" not in section
                    and section.startswith(WRITABLE)
                    and bare not in GLOBALS_ALLOWED.get(library, ())):
                findings.add(source, 1, f"{name} is a writable global: pass it as an argument, or "
                             "make it const (tables: the pointers too)")
    findings.exit("exported symbols begin with ls_, no writable globals")


main()

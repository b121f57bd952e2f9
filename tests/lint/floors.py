"""Floors: an include points down only, and modules on one floor do not see each other.

The dependencies are those of the ls_module() lines in CMakeLists.txt; the floors are the table
of the design, repeated here, so that a new dependency cannot quietly turn the house around.
"""
import os
import re

import lint

FLOOR = {
    "base": 0,
    "comm": 1, "math": 1, "format": 1, "opt": 1,
    "data": 2, "nn": 2, "optim": 2, "metrics": 2,
    "train": 3,
    "study": 4, "export": 4, "report": 4, "bench": 4,
    "cli": 5,
}
GENERATED = {"ls_build.h": "base"}


def dependencies(findings):
    """{module: modules it may see}, transitively, from CMakeLists.txt."""
    text = lint.read("CMakeLists.txt")
    direct = {}
    for m in re.finditer(r"^ls_module\((\w+)\s+DEPENDS\s+([^)]*)\)", text, re.M):
        name, depends = m.group(1), re.findall(r"\bls_(\w+)", m.group(2))
        line = lint.line_of(text, m.start())
        direct[name] = depends
        for other in depends:
            if name not in FLOOR or other not in FLOOR:
                findings.add("CMakeLists.txt", line, f"module {name} or {other} has no floor: "
                             "add it to FLOOR in tests/lint/floors.py")
            elif FLOOR[other] >= FLOOR[name]:
                findings.add("CMakeLists.txt", line, f"{name} (floor {FLOOR[name]}) depends on "
                             f"{other} (floor {FLOOR[other]}): move what they share down a floor")
    direct["cli"] = list(direct)
    seen = {}

    def closure(name):
        if name not in seen:
            seen[name] = set()  # ends a cycle, which the check above has reported
            for other in direct.get(name, []):
                seen[name] |= {other} | closure(other)
        return seen[name]
    return {name: closure(name) for name in direct}


def check_public(findings, path, line, name, module, allowed):
    target = name.split("/")[1]
    if not os.path.isfile(os.path.join(lint.ROOT, "include", name)):
        findings.add(path, line, f"{name} is not a header below include/: name one that is")
    elif target not in allowed.get(module, set()) | {module}:
        findings.add(path, line, f"{module} (floor {FLOOR.get(module)}) must not see {target} "
                     f"(floor {FLOOR.get(target)}): pass what is needed in as an argument, or "
                     "move it to a module below both")


def check_private(findings, path, line, name, module):
    """A quoted include that is not public must lie in the module's own folder under src/."""
    own = os.path.join(lint.ROOT, "src", module)
    here = os.path.dirname(os.path.join(lint.ROOT, path))
    if GENERATED.get(name) == module:
        return
    for base in (here, own):
        target = os.path.normpath(os.path.join(base, name))
        if os.path.isfile(target) and target.startswith(own + os.sep):
            return
    findings.add(path, line, f'"{name}" is no header of {module}: a private header belongs to one '
                 "module; what others need goes to include/lockstep/<module>/")


def main():
    findings = lint.Findings()
    allowed = dependencies(findings)
    for path in lint.files(".c", ".h", below=("include", "src")):
        module = lint.module_of(path)
        if module is None:
            findings.add(path, 1, "lies in no module: move it to src/<module>/ or "
                         "include/lockstep/<module>/")
            continue
        if module not in allowed:
            findings.add(path, 1, f"{module} is no module of CMakeLists.txt: add an ls_module line")
            continue
        for line, name, quoted in lint.includes(path):
            if name.startswith("lockstep/"):
                check_public(findings, path, line, name, module, allowed)
            elif quoted:
                check_private(findings, path, line, name, module)
    findings.exit("includes point down the floors")


main()

"""Support for the lint tests: the files of the source tree, C without its comments, findings.

A lint test walks over files(), hands each violation to a Findings with the line and what to do,
and ends in findings.exit(). It reads the tree, never changes it.
"""
import os
import re
import sys

ROOT = os.environ.get(
    "LOCKSTEP_SOURCE", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
TOP_FOLDERS = ("include", "src", "tests", "jobs", "configs", ".ci")
SKIPPED = 77

# A comment, a string or a character of C, in the order in which a compiler would see them.
_TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)


def files(*suffixes, below=TOP_FOLDERS):
    """Paths relative to the root, sorted, of the files with one of the suffixes (none: all)."""
    found = []
    for top in below:
        for folder, folders, names in os.walk(os.path.join(ROOT, top)):
            folders[:] = [f for f in folders if f != "__pycache__"]
            found += [os.path.relpath(os.path.join(folder, n), ROOT) for n in names]
    if below == TOP_FOLDERS:
        found += [n for n in os.listdir(ROOT) if os.path.isfile(os.path.join(ROOT, n))
                  and n not in (".git", "compile_commands.json")]
    return sorted(f for f in found if not suffixes or f.endswith(suffixes))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def without_comments(text, keep_strings=False):
    """C with every comment (and string) replaced by spaces, so that lines keep their numbers."""
    def blank(match):
        token = match.group()
        if keep_strings and token[0] in "\"'":
            return token
        return re.sub(r"[^\n]", " ", token)
    return _TOKEN.sub(blank, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def includes(path):
    """(line, name, quoted) of every #include in a file."""
    text = without_comments(read(path), keep_strings=True)
    return [(line_of(text, m.start()), m.group(2), m.group(1) == '"')
            for m in _INCLUDE.finditer(text)]


def module_of(path):
    """The module that a file below src/ or include/lockstep/ belongs to, None for another."""
    parts = path.split(os.sep)
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if parts[:2] == ["include", "lockstep"] and len(parts) > 3:
        return parts[2]
    return None


class Findings:
    def __init__(self):
        self.count = 0

    def add(self, path, line, what):
        self.count += 1
        print(f"{path}:{line}: {what}")

    def exit(self, rule):
        """Ends the test: 0 without findings, else 1. rule says in a few words what was held."""
        if self.count:
            print(f"{self.count} violation(s) of: {rule}")
            sys.exit(1)
        print(f"held: {rule}")
        sys.exit(0)

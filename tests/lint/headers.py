"""Headers: every source file opens by saying what it is, guards are named after the file, and
no file grows beyond what one can hold in mind.
"""
import os
import re

import lint

SOFT_CAP, HARD_CAP = 400, 450
GUARD = re.compile(r"^#ifndef (\w+)\n#define (\w+)\n", re.M)
OPENING = {
    ".c": re.compile(r"/\* ?\S"),
    ".h": re.compile(r"/\* ?\S"),
    ".py": re.compile(r'(#!.*\n)?("""\S|# \S)'),
    ".sh": re.compile(r"(#!.*\n)?# \S"),
    ".sbatch": re.compile(r"#!.*\n(#SBATCH.*\n)*# \S"),
    ".cmake": re.compile(r"# \S"),
    ".yaml": re.compile(r"# \S"),
}


def expected_guard(path):
    """src/nn/layers/dense.h and include/lockstep/nn/dense.h: LS_NN_LAYERS_DENSE_H, LS_NN_DENSE_H."""
    parts = [p for p in os.path.splitext(path)[0].split(os.sep)
             if p not in ("src", "include", "lockstep")]
    return "LS_" + re.sub(r"\W", "_", "_".join(parts)).upper() + "_H"


def check_guard(findings, path, text):
    guard = expected_guard(path)
    found = GUARD.search(lint.without_comments(text, keep_strings=True).lstrip())
    if not found or found.group(1) != guard or found.group(2) != guard:
        findings.add(path, 1, f"guard it with #ifndef {guard} and #define {guard}")


def check_length(findings, path, text):
    lines = text.count("\n")
    if lines > HARD_CAP:
        findings.add(path, lines, f"{lines} lines: split it, {SOFT_CAP} lines a file are enough")
    elif lines > SOFT_CAP:
        print(f"{path}:{lines}: note: {lines} lines, soon too long ({HARD_CAP} is an error)")


def main():
    findings = lint.Findings()
    for path in lint.files(*OPENING):
        text = lint.read(path)
        if not OPENING[os.path.splitext(path)[1]].match(text):
            findings.add(path, 1, "open the file with a comment: what it is, why it is here")
        if path.endswith(".h"):
            check_guard(findings, path, text)
        check_length(findings, path, text)
        if text and not text.endswith("\n"):
            findings.add(path, text.count("\n") + 1, "end the last line with a newline")
    findings.exit(f"opening comments, guards, at most {HARD_CAP} lines a file")


main()

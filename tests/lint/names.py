"""Names: no path of one developer's machine, no note to self, no stray tab or trailing blank.

What only holds on one machine breaks everywhere else; work to be done belongs to an issue.
"""
import re

import lint

RULES = [
    (re.compile(r"(?<![\w.$}\"'*])/(?:work|home|root|Users|mnt|scratch)/"),
     "an absolute path of one machine: make it relative or an argument"),
    (re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"),
     "a note to self: do it, or open an issue and say here what holds today"),
    (re.compile(r"[ \t]+$"), "blanks at the end of the line: remove them"),
    (re.compile(r"\t"), "a tab: use spaces, or \\t inside a string"),
]
BINARY = (".h5", ".gz", ".png", ".onnx", ".npz", ".npy")


def main():
    findings = lint.Findings()
    for path in lint.files():
        if path.endswith(BINARY) or path.endswith(".tsv"):
            continue
        try:
            lines = lint.read(path).split("\n")
        except UnicodeDecodeError:
            findings.add(path, 1, "not UTF-8: convert it, or name its suffix in BINARY")
            continue
        for number, line in enumerate(lines, 1):
            for pattern, advice in RULES:
                m = pattern.search(line)
                if m:
                    findings.add(path, number, f"{m.group()!r}: {advice}")
    findings.exit("no machine's paths, no notes to self, no stray blanks")


main()

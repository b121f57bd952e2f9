#!/usr/bin/env python3
"""The README's config reference is what `lockstep train --help-config --markdown` prints.

`tests/lint/readme.py --update` (with LOCKSTEP naming the program) writes it anew.
"""
import os
import subprocess
import sys

BEGIN = "<!-- reference: lockstep train --help-config --markdown -->\n"
END = "<!-- end of the reference -->\n"


def main():
    program = os.environ.get("LOCKSTEP")
    if not program or not os.path.exists(program):
        print("skipped: LOCKSTEP names no program")
        return 77
    folder = os.path.dirname(os.path.abspath(__file__))
    path = os.path.join(os.path.dirname(os.path.dirname(folder)), "README.md")
    reference = subprocess.run([program, "train", "--help-config", "--markdown"], check=True,
                               text=True, capture_output=True, timeout=60).stdout
    with open(path, encoding="utf-8") as f:
        text = f.read()
    before, rest = text.split(BEGIN)
    stored, after = rest.split(END)
    if stored.strip() == reference.strip():
        return 0
    if "--update" in sys.argv:
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"{before}{BEGIN}\n{reference.strip()}\n\n{END}{after}")
        return 0
    print(f"{path}: the config reference is not what the program prints\n"
          "run: LOCKSTEP=build/release/lockstep tests/lint/readme.py --update")
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""Every config in configs/ is run by a test and described in the README.

An example that nobody runs is soon one that does not run.
"""
import os

import lint


def main():
    findings = lint.Findings()
    files = lint.files()
    users = (p for p in files if p.startswith(("tests/", "jobs/")) and p.endswith((".py", ".sh")))
    tests = "".join(map(lint.read, users))
    readme = lint.read("README.md")
    for path in (p for p in files if p.startswith("configs/")):
        name = os.path.basename(path)
        if name not in tests and f'"{name[:-len(".yaml")]}"' not in tests:
            findings.add(path, 1, f"no test runs it: name {name} in one")
        if path not in readme:
            findings.add(path, 1, f"the README does not tell of it: link {path}")
    findings.exit("every config is run by a test and described in the README")


main()

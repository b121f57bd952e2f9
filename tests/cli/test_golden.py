"""Golden hashes: the weights of small experiments, once written down, stay what they are.

A change of these numbers is a change of what every user's config computes. The hashes are kept in
golden.json for each kind of arithmetic (the fingerprint that `lockstep --version` prints: it follows
from the type of processor, OpenBLAS and the C library); elsewhere the test is skipped with a notice.
To add the machine that you are on, or to write down a change that is meant, run (after a build):

    LOCKSTEP=build/release/lockstep PYTHONPATH=tests/support python3 tests/cli/test_golden.py --record
"""
import json
import os
import platform
import re
import sys
import tempfile

import experiments
import lockstep_test

FILE = os.path.join(lockstep_test.SOURCE, "tests", "cli", "golden.json")


def machine():
    """The fingerprint that the bits depend on, and for the reader what it stands for."""
    version = lockstep_test.run("--version").out
    arithmetic = re.search(r"^arithmetic: +([0-9a-f]{32})", version, re.M).group(1)
    blas = re.search(r"^BLAS: +(\S+ \S+) .*core (\w+)", version, re.M)
    return arithmetic, f"{blas.group(1)}, core {blas.group(2)}, {' '.join(platform.libc_ver())}"


def weights(directory, name):
    """The hash of an experiment's last weights."""
    run_dir = f"{directory}/run-{name}"
    for args in (["train", experiments.make(directory, name), "--run-dir", run_dir],
                 ["inspect", f"{run_dir}/checkpoints/last.h5", "--hash"]):
        result = lockstep_test.run(*args)
        if result.code:
            raise RuntimeError(repr(result))
    return result.out.strip()


def stored():
    with open(FILE, encoding="utf-8") as f:
        return json.load(f)


class Golden(lockstep_test.TestCase):
    def test_weights(self):
        arithmetic, name = machine()
        golden = stored().get(arithmetic)
        if golden is None:
            self.skipTest(f"no hashes for {arithmetic} ({name}): {__file__} --record adds them")
        for name in experiments.EXPERIMENTS:
            with self.subTest(experiment=name):
                if name not in golden:
                    self.skipTest(f"no hash of {name} for {arithmetic}")
                self.assertEqual(weights(self.dir, name), golden[name])


def record():
    golden, (arithmetic, name) = stored(), machine()
    with tempfile.TemporaryDirectory() as directory:
        golden[arithmetic] = {n: weights(directory, n) for n in experiments.EXPERIMENTS}
    golden[arithmetic]["machine"] = name
    with open(FILE, "w", encoding="utf-8") as f:
        f.write(json.dumps(golden, indent=2, sort_keys=True) + "\n")
    print(f"recorded {arithmetic} ({name})")


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        record()
    else:
        lockstep_test.main()

"""Golden hashes: the weights of small experiments, once written down, stay what they are.

A change of these numbers is a change of what every user's config computes. The hashes are kept in
golden.json for each kind of arithmetic (the fingerprints that `lockstep --version` prints: they follow
from the library that multiplies, the C library, and with openblas from the type of processor);
elsewhere the test is skipped with a notice.
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
import options

FILE = os.path.join(lockstep_test.SOURCE, "tests", "cli", "golden.json")


def arithmetics():
    """(fingerprint, what multiplies, and for the reader what it stands for) of all that are here."""
    version = lockstep_test.run("--version").out
    libc = " ".join(platform.libc_ver())
    return [(arithmetic, library.split()[0].lower(), f"{library}, {libc}")
            for arithmetic, library in re.findall(r"^arithmetic: +([0-9a-f]{32}) by (.*)", version, re.M)]


def weights(directory, name, gemm):
    """The hash of an experiment's last weights."""
    run_dir = f"{directory}/run-{name}-{gemm}"
    for args in (["train", experiments.make(directory, name), "--run-dir", run_dir,
                  "--set", "precision=bf16" if gemm == "onednn" else f"compute.gemm={gemm}"],
                 ["inspect", f"{run_dir}/checkpoints/last.h5", "--hash"]):
        result = lockstep_test.run(*args)
        if result.code:
            raise RuntimeError(repr(result))
    return result.out.strip()


def stored():
    with open(FILE, encoding="utf-8") as f:
        return json.load(f)


def words(config):
    """All names in a config: keys and texts."""
    if isinstance(config, dict):
        return set(config) | {w for v in config.values() for w in words(v)}
    if isinstance(config, list):
        return {w for v in config for w in words(v)}
    return {config} if isinstance(config, str) else set()


class Golden(lockstep_test.TestCase):
    def test_every_choice_has_an_example(self):
        _, things = options.read(self.ok("train", "--help-config").out)
        self.assertGreater(len(things), 20)
        used = set().union(*(words(config) for _, config in experiments.EXPERIMENTS.values()))
        used.add("he_normal")  # the default of every layer
        # By LAPACK, whatever multiplies elsewhere: see test_mixing_transforms.py.
        used.update(("pca", "whiten"))
        lacking = [f"{t.kind} {t.name}" for t in things if t.name not in used]
        self.assertEqual(lacking, [], "no example in tests/support/experiments.py")

    def test_weights(self):
        for arithmetic, gemm, name in arithmetics():
            golden = stored().get(arithmetic, {})
            for experiment in experiments.EXPERIMENTS:
                with self.subTest(experiment=experiment, gemm=gemm):
                    if experiment not in golden:
                        self.skipTest(f"no hash for {arithmetic} ({name}): {__file__} --record")
                    self.assertEqual(weights(self.dir, experiment, gemm), golden[experiment])


def record():
    golden = stored()
    for arithmetic, gemm, name in arithmetics():
        with tempfile.TemporaryDirectory() as directory:
            golden[arithmetic] = {n: weights(directory, n, gemm) for n in experiments.EXPERIMENTS}
        golden[arithmetic]["machine"] = name
        print(f"recorded {arithmetic} ({name})")
    with open(FILE, "w", encoding="utf-8") as f:
        f.write(json.dumps(golden, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        record()
    else:
        lockstep_test.main()

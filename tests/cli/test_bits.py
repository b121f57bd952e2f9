# processors: 2
# timeout: 900
"""The config alone decides the result: the same bits on any number of ranks and threads.

Checkpoints are compared array by array, metrics.jsonl line by line, the output of evaluate and
the files of predict byte by byte. Then runs are stopped in the middle of epochs and resumed at
other numbers of ranks and threads.
"""
import json
import os
import re
import signal
import subprocess
import time

import experiments
import lockstep_test
from experiments import EXPERIMENTS

RANKS = (1, 2, 3, 4, 8)
THREADS = (1, 2, 4)


def lanes(name):
    return EXPERIMENTS[name][1]["batch"].get("lanes", 8)


def combinations(name):
    """One experiment sees all pairs of ranks and threads; over the others together each pair
    occurs as well, each rank count and each thread count in every one."""
    everything = [(r, t) for r in RANKS for t in THREADS]
    if name != "classes":
        k = list(EXPERIMENTS).index(name)
        everything = [(r, THREADS[(i + k) % 3]) for i, r in enumerate(RANKS)]
    return [(r, t) for r, t in everything if r <= lanes(name)]


def words(config):
    """All names in a config: keys and texts."""
    if isinstance(config, dict):
        return set(config) | {w for v in config.values() for w in words(v)}
    if isinstance(config, list):
        return {w for v in config for w in words(v)}
    return {config} if isinstance(config, str) else set()


class Bits(lockstep_test.TestCase):
    def train(self, config, run_dir, *args, **options):
        return self.ok("train", config, "--run-dir", self.path(run_dir), *args, **options)

    def result(self, run_dir):
        checkpoints = self.path(run_dir, "checkpoints")
        return {"last": experiments.contents(f"{checkpoints}/last.h5"),
                "best": experiments.contents(f"{checkpoints}/best.h5"),
                "metrics": experiments.metrics(self.path(run_dir))}

    def assert_same(self, expected, run_dir):
        result = self.result(run_dir)
        for part in ("last", "best"):
            different = [k for k in expected[part].keys() | result[part].keys()
                         if expected[part].get(k) != result[part].get(k)]
            self.assertEqual(different, [], f"{run_dir}: {part}.h5 differs")
        self.assertEqual(expected["metrics"], result["metrics"])

    def hashes(self, run_dir):
        return [self.ok("inspect", self.path(run_dir, "checkpoints", f), "--hash").out
                for f in ("last.h5", "best.h5")]

    def test_every_choice_has_an_example(self):
        reference = self.ok("train", "--help-config", "--markdown").out
        names = re.findall(r"^\*\*(\w+) `(\w+)`\*\*", reference, re.M)
        self.assertGreater(len(names), 20)
        used = set().union(*(words(config) for _, config in EXPERIMENTS.values()))
        # Drawn or filled in by all ranks alike, whatever the choice: nothing to compare.
        used |= {"he_normal"} | {"standardize"}
        lacking = [f"{what} {name}" for what, name in names if name not in used]
        self.assertEqual(lacking, [], "no example in tests/support/experiments.py")

    def check(self, name):
        config = experiments.make(self.dir, name)
        data = self.path(f"{name}.h5")
        self.train(config, "reference", threads=1)
        expected, hashes = self.result("reference"), self.hashes("reference")
        reference = self.path("reference")
        metrics = self.ok("evaluate", reference, "--data", data, "--json", threads=1).out
        self.assertGreater(json.loads(metrics)["samples"], 0)
        self.ok("predict", reference, "--data", data, "-o", self.path("1.csv"), threads=1)
        self.ok("predict", reference, "--data", data, "-o", self.path("1.h5"), threads=1)
        for i, (ranks, threads) in enumerate(combinations(name)):
            how = {"ranks": ranks, "threads": threads}
            with self.subTest(**how):
                self.train(config, "run", "--overwrite", **how)
                self.assert_same(expected, "run")
                if ranks == max(r for r, _ in combinations(name)):
                    self.assertEqual(hashes, self.hashes("run"))
                # Turn by turn, as each costs the start of a program.
                if i % 3 == 0:
                    self.assertEqual(metrics, self.ok("evaluate", reference, "--data", data,
                                                      "--json", **how).out)
                else:
                    end = ("csv", "h5")[i % 3 - 1]
                    out = self.path(f"p.{end}")
                    self.ok("predict", reference, "--data", data, "-o", out, **how)
                    with open(out, "rb") as f, open(self.path(f"1.{end}"), "rb") as g:
                        self.assertEqual(f.read(), g.read(), f"predict {end}")

    def stop_and_resume(self, config, run_dir, starts):
        """Starts at each (ranks, threads); all but the last are told to stop once they hold the
        run directory, so that a step ends them. Gives how many stopped within an epoch."""
        lock = self.path(run_dir, ".lock")
        within = 0
        for i, (ranks, threads) in enumerate(starts):
            args = ["train", config, "--run-dir", self.path(run_dir), "--resume"]
            if i + 1 == len(starts):
                self.ok(*args, ranks=ranks, threads=threads)
                break
            command = [lockstep_test.MPIEXEC, "-n", str(ranks), lockstep_test.LOCKSTEP, *args]
            run = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, "OMP_NUM_THREADS": str(threads)})
            deadline = time.monotonic() + 60
            while not os.path.exists(lock) and run.poll() is None:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.002)
            run.send_signal(signal.SIGUSR1)
            _, err = run.communicate(timeout=60)
            self.assertEqual(run.returncode, 75, err)
            self.assertNotIn("lockstep: error:", err)
            state = json.loads(self.ok("inspect", self.path(run_dir, "checkpoints", "last.h5"),
                                       "--json").out)
            within += state["epoch_step"] > 0
        return within

    def check_resume(self, name, starts, **train):
        config = experiments.make(self.dir, name, train=train)
        self.train(config, "straight", threads=2)
        within = self.stop_and_resume(config, "stopped", starts)
        self.assertGreater(within, 0, "no start was stopped within an epoch")
        self.assert_same(self.result("straight"), "stopped")

    def test_stopped_and_resumed_with_adam(self):
        self.check_resume("classes", [(2, 1), (3, 2), (1, 4), (8, 1), (4, 2)], epochs=12,
                          early_stopping={"monitor": "val_accuracy", "patience": 11})

    def test_stopped_and_resumed_with_momentum(self):
        self.check_resume("values", [(5, 1), (1, 2), (3, 1)], epochs=30)

    def test_epochs_added(self):
        for name, ranks in (("classes", 3), ("values", 4), ("binary", 6)):
            config = experiments.make(self.dir, name, train={"epochs": 5})
            self.train(config, f"{name}-straight")
            self.train(config, f"{name}-parts", "--set", "train.epochs=2", ranks=ranks)
            self.train(config, f"{name}-parts", "--resume", ranks=2)
            self.assert_same(self.result(f"{name}-straight"), f"{name}-parts")


def add_checks():
    for name in EXPERIMENTS:
        setattr(Bits, f"test_{name}", lambda self, name=name: self.check(name))


add_checks()

if __name__ == "__main__":
    lockstep_test.main()

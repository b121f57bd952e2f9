# processors: 2
# timeout: 600
"""Training rows that are streamed from the file: the bits of rows in memory, whatever happens on the
way, and errors that end the run as they do there."""
import json
import os
import signal
import subprocess
import time

import h5py
import numpy as np

import experiments
import lockstep_test
from lockstep_test import LOCKSTEP
from small_runs import TestCase

FAULTS = os.environ.get("LOCKSTEP_FAULTS")

# Of a lane's 60 to 90 rows about 40 are in memory.
SMALL_WINDOW = ("--set", "data.shuffle_window=10", "--set", "data.block_rows=8")
MODES = ("resident", "stream")


class Stream(TestCase):
    def make(self, name, **changes):
        return experiments.make(self.dir, name, **changes)

    def mode(self, mode):
        return (*SMALL_WINDOW, "--set", f"data.memory={mode}")

    def outcome(self, run_dir="run"):
        """What must be the same: the weights, the metrics, the sum of the values."""
        with h5py.File(self.path(run_dir, "checkpoints", "last.h5"), "r") as f:
            sums = f["split"].attrs["rows_xxh3_128_sum"].tolist()
        hashed = self.ok("inspect", self.path(run_dir), "--hash").out
        return hashed, experiments.metrics(self.path(run_dir)), sums

    def waits(self, run_dir="run"):
        """read_wait_s of every epoch; None: there is none."""
        with open(self.path(run_dir, "metrics.jsonl"), encoding="utf-8") as f:
            return [json.loads(line).get("read_wait_s") for line in f]

    def test_the_same_bits(self):
        for name in ("classes", "values", "features", "features_values"):
            config, found = self.make(name), {}
            for mode in MODES:
                for ranks, threads in ((1, 2), (2, 1), (3, 1)):
                    self.train(config, "--overwrite", *self.mode(mode), ranks=ranks,
                               threads=threads)
                    found[mode, ranks] = self.outcome()
                    self.assertEqual([w is not None for w in set(self.waits())],
                                     [mode == "stream"] * len(set(self.waits())))
            for key, value in found.items():
                self.assertEqual(value, found["resident", 1], f"{name}: {key}")

    def test_auto(self):
        """By the rows of the rank that has most; the decision is one of all ranks."""
        config = self.make("classes")
        row = 37 * 4 / 2**30
        for ranks, rows, streamed in ((1, 800, False), (1, 700, True), (3, 300, False),
                                      (3, 250, True)):
            limit = f"data.memory_limit={rows * row!r}"
            with self.subTest(ranks=ranks, rows=rows):
                args = (*SMALL_WINDOW, "--set", limit)
                plan = self.ok("train", config, "--dry-run", *args, ranks=ranks).out
                self.assertIn("stream: " if streamed else "resident: ", plan)
                self.train(config, "--overwrite", *args, ranks=ranks)
                self.assertEqual([w is not None for w in self.waits()], [streamed] * 2)
        self.train(config, "--overwrite", *SMALL_WINDOW)
        self.assertEqual(self.waits(), [None, None])
        self.assertIn("memory: auto", self.text("run", "config.yaml"))

    def test_windows_above_the_limit(self):
        config = self.make("classes")
        r = self.train(config, *SMALL_WINDOW, "--set", "data.memory_limit=1e-5", ranks=2)
        self.assertIn("warning: the rows that are shuffled together take ", r.err)
        self.assertIn("more than data.memory_limit, ", r.err)

    def test_resume_in_the_other_mode(self):
        """From inside an epoch and from its end; killed, and asked to stop."""
        for name in ("classes", "features"):
            config, kept = self.make(name), ("--set", "checkpoint={every_steps: 3, keep: 99}")
            self.train(config, "--overwrite", *self.mode("resident"), *kept, run_dir="straight")
            want = self.outcome("straight")
            names = os.listdir(self.path("straight", "checkpoints"))
            steps = sorted(n for n in names if n.startswith("step-"))
            for i, step in enumerate(steps):
                for mode in MODES:
                    run_dir = f"{name}-{mode}-{i}"
                    os.makedirs(self.path(run_dir, "checkpoints"))
                    os.link(self.path("straight", "checkpoints", step),
                            self.path(run_dir, "checkpoints", step))
                    self.train(config, "--resume", *self.mode(mode), run_dir=run_dir,
                               ranks=1 + i % 3)
                    got = self.outcome(run_dir)
                    self.assertEqual((got[0], got[2]), (want[0], want[2]), f"{run_dir} {step}")

    def start(self, config, run_dir):
        """A streamed run that is two epochs on."""
        process = subprocess.Popen([LOCKSTEP, "train", config, *self.mode("stream"), "--run-dir",
                                    self.path(run_dir)], text=True, stderr=subprocess.PIPE)
        end = time.monotonic() + 60
        while (not os.path.exists(self.path(run_dir, "metrics.jsonl"))
               or self.text(run_dir, "metrics.jsonl").count("\n") < 2):
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        return process

    def test_stop(self):
        config = self.make("classes", train={"epochs": 100000})
        process = self.start(config, "run")
        process.send_signal(signal.SIGTERM)
        err = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 75, err)
        epochs = self.state("last.h5")["epoch"] + 2
        last = ("--set", f"train.epochs={epochs}")
        self.train(config, *self.mode("stream"), *last, "--resume", ranks=2)
        self.train(config, *self.mode("resident"), *last, run_dir="straight")
        self.assertEqual(self.outcome(), self.outcome("straight"))

    def test_bad_from_the_start(self):
        """The same words as of rows in memory, before the first step."""
        for name in ("classes", "features"):
            for part in ("train", "val"):
                config = self.make(name)
                with h5py.File(self.path(f"{name}.h5"), "r+") as f:
                    n = len(f["X"])
                    f["split"] = (np.arange(n) % 3 == 2).astype("u1")
                    f["X"][300 if part == "train" else 302, 20] = np.nan
                config = self.make_config_with_stored_split(config)
                said = set()
                for mode in MODES:
                    for ranks in (0, 2, 3):
                        r = lockstep_test.run("train", config, "--run-dir", self.path("bad"),
                                              *self.mode(mode), ranks=ranks)
                        self.assertEqual(r.code, 3, repr(r))
                        said |= {s for s in r.err.splitlines() if "lockstep: error:" in s}
                self.assertEqual(len(said), 1, said)
                self.assertIn("column 20", said.pop())

    def make_config_with_stored_split(self, config):
        with open(config, encoding="utf-8") as f:
            content = json.load(f)
        del content["data"]["split"]
        content["data"]["transform"] = ["log1p"]
        return experiments.write_config(config, content)

    def change(self, name, process, rows):
        """Writes to these rows of the file that process streams; it must end for that. The file is
        then as it was."""
        with h5py.File(self.path(f"{name}.h5"), "r") as f:
            at, width = f["X"].id.get_offset(), f["X"].shape[1]
        with open(self.path(f"{name}.h5"), "rb") as f:
            good = f.read()
        with open(self.path(f"{name}.h5"), "r+b") as f:
            for row in rows:
                f.seek(at + row * width * 4)
                f.write(b"\0\0\0\x41")
        err = process.communicate(timeout=60)[1]
        with open(self.path(f"{name}.h5"), "wb") as f:
            f.write(good)
        self.assertEqual(process.returncode, 3, err)
        self.assertEqual(err.count("lockstep: error:"), 1, err)
        self.assertIn("values have changed since the run began", err)

    def test_changed_while_it_is_streamed(self):
        """The run ends before a step uses the row, and goes on when the file is as it was."""
        for name in ("classes", "features"):
            config = self.make(name, train={"epochs": 100000})
            with h5py.File(self.path(f"{name}.h5"), "r") as f:
                rows = range(f["X"].shape[0])
            self.change(name, self.start(config, name), rows)
            last = ("--set", f"train.epochs={self.state('last.h5', name)['epoch'] + 2}")
            self.train(config, *self.mode("stream"), *last, "--resume", run_dir=name)
            self.train(config, *self.mode("resident"), *last, "--overwrite", run_dir="straight")
            self.assertEqual(self.outcome(name), self.outcome("straight"))

    def test_changed_validation_rows(self):
        """No metric is of values that the run did not begin with."""
        for name in ("classes", "features"):
            config = self.make(name, train={"epochs": 100000})
            self.train(config, "--overwrite", "--set", "train.epochs=1", run_dir="first")
            with h5py.File(self.path("first", "checkpoints", "last.h5"), "r") as f:
                rows = [int(r) for r in (f["split"][...] == 1).nonzero()[0]]
            self.assertGreater(len(rows), 2)
            self.change(name, self.start(config, name), rows[-1:])

    def test_changed_between(self):
        """A resumed run is refused before its first step, in any mode."""
        config = self.make("classes")
        for before in MODES:
            self.train(config, "--overwrite", *self.mode(before))
            with h5py.File(self.path("classes.h5"), "r+") as f:
                f["X"][200:210, 3] += 1
            for after in MODES:
                self.fails(3, "train", config, "--run-dir", self.path("run"), "--resume",
                           "--set", "train.epochs=3", *self.mode(after), ranks=(1, 2),
                           says="values have changed since the run began")
            with h5py.File(self.path("classes.h5"), "r+") as f:
                f["X"][200:210, 3] -= 1

    def test_a_disk_that_fails(self):
        """On one rank, in the middle of an epoch: all leave together, and go on later."""
        for name in ("classes", "features"):
            config = self.make(name, train={"epochs": 4})
            self.train(config, "--overwrite", *self.mode("resident"), run_dir="straight")
            counts = self.path("counts")
            r = lockstep_test.run("train", config, "--run-dir", self.path("run"), "--overwrite",
                                  *self.mode("stream"), "--set", "train.epochs=2", ranks=3,
                                  program=FAULTS,
                                  env={"LOCKSTEP_FAULT_COUNTS": counts})
            self.assertEqual(r.code, 0, repr(r))
            with open(f"{counts}.1", encoding="utf-8") as f:
                calls = dict(line.split() for line in f)
            r = lockstep_test.run("train", config, "--run-dir", self.path("run"), "--overwrite",
                                  *self.mode("stream"), ranks=3, program=FAULTS,
                                  env={"LOCKSTEP_FAULT": f"1:pread:{calls['pread']}+"})
            self.assertEqual(r.code, 3, repr(r))
            self.assertEqual(r.err.count("lockstep: error:"), 1, repr(r))
            self.assertIn("/X: could not read the array: Input/output error", r.err)
            self.train(config, *self.mode("stream"), "--resume", ranks=2)
            self.assertEqual(self.outcome(), self.outcome("straight"))


lockstep_test.main()

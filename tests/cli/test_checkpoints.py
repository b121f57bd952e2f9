# timeout: 600
"""When checkpoints are written, under which names, which are kept, and what resuming does when some
of them are damaged."""
import os
import time

import h5py
import numpy as np
import xxhash

import lockstep_test
from small_runs import TestCase


class Checkpoints(TestCase):
    def names(self, run_dir="run"):
        return sorted(os.listdir(self.path(run_dir, "checkpoints")))

    def file(self, name, run_dir="run"):
        return self.path(run_dir, "checkpoints", name)

    def damage(self, name):
        """Turns one bit of this name's file; its other names keep the good one."""
        with open(self.file(name), "rb") as f:
            data = bytearray(f.read())
        data[len(data) // 2] ^= 4
        os.remove(self.file(name))
        with open(self.file(name), "wb") as f:
            f.write(data)

    def test_names_and_number(self):
        """5 steps an epoch, 3 epochs; a checkpoint at every second step and at every epoch's end:
        after steps 2, 4, 5, 6, 8, 10, 12, 14, 15."""
        for keep, kept in ((1, []), (2, [14]), (4, [10, 12, 14]), (99, [2, 4, 5, 6, 8, 10, 12, 14])):
            for background in ("true", "false"):
                with self.subTest(keep=keep, background=background):
                    self.train(self.small(), "--overwrite", "--set", "checkpoint.every_steps=2",
                               "--set", f"checkpoint.keep={keep}", "--set",
                               f"checkpoint.background={background}", ranks=2)
                    steps = [f"step-{n:010}.h5" for n in kept]
                    self.assertEqual(self.names(), ["best.h5", "last.h5", *steps])
                    for n, name in zip(kept, steps):
                        self.assertEqual(self.state(name)["step"], n)
                        self.assertEqual(self.state(name)["epoch_step"], n % 5)

    def test_every_epochs(self):
        """The best epoch and the last one are saved, too. At a rate of 0 the first is the best."""
        config = self.small(train={"epochs": 8}, optimizer={"sgd": {"lr": 1e-30}})
        self.train(config, "--set", "checkpoint={every_epochs: 3, keep: 9}")
        self.assertEqual([self.state(n)["epoch"] for n in self.names()[2:]], [1, 3, 6])
        self.assertEqual(self.state("last.h5")["epoch"], 8)
        self.assertEqual(self.state("best.h5")["epoch"], 1)

    def test_every_minutes(self):
        self.train(self.small(), "--set", "checkpoint={every_minutes: 1e-7, keep: 99}", ranks=2)
        self.assertEqual(len(self.names()), 2 + 14)

    def test_resume_takes_the_newest_good_one(self):
        config, args = self.small(train={"epochs": 4}), ["--set", "checkpoint.keep=99"]
        self.train(config, *args, run_dir="straight")
        want = self.weights("last.h5", "straight")
        for damaged, taken in ((["last.h5"], "step-0000000010.h5"),
                               (["last.h5", "step-0000000010.h5"], "step-0000000005.h5"),
                               (["last.h5", "step-0000000010.h5", "step-0000000005.h5"], "best.h5")):
            with self.subTest(damaged=damaged):
                self.train(config, *args, "--overwrite", "--set", "train.epochs=3", "--set",
                           "optimizer.adam.lr=1e-3")
                if taken != "best.h5":
                    os.remove(self.file("best.h5"))
                for name in damaged:
                    self.damage(name)
                r = self.train(config, *args, "--resume", "--set", "optimizer.adam.lr=1e-3",
                               ranks=2)
                for name in damaged:
                    self.assertIn(f"warning: passed over: {self.file(name)}: the file is damaged",
                                  r.err)
                self.assertIn(f"resumed from {self.file(taken)} ", r.err)
                self.ok("evaluate", self.file("last.h5"), "--split", "val")
        self.assertEqual(self.weights("last.h5"), want)

    def test_none_is_good(self):
        config = self.small()
        self.train(config)
        for name in self.names():
            self.damage(name)
        before = {n: contents(self.file(n)) for n in self.names()}
        self.fails(3, "train", config, "--run-dir", self.path("run"), "--resume", "--set",
                   "train.epochs=9", ranks=(1, 3), alone=True,
                   says=["none of the 3 checkpoints is good", "--overwrite"])
        self.assertEqual({n: contents(self.file(n)) for n in self.names()}, before)

    def as_version(self, version, **options):
        """The best checkpoint as an older version would have written it."""
        with (h5py.File(self.file("best.h5")) as new,
              h5py.File(self.path("old.h5"), "w", **options) as old):
            for name in new:
                new.copy(name, old)
            old.attrs.update(new.attrs)
            old.attrs["version"] = np.uint64(version)

    def reads_old(self):
        args = ("--split", "val", "--json")
        want = self.ok("evaluate", self.file("best.h5"), *args).out
        got = self.ok("evaluate", self.path("old.h5"), *args).out
        self.assertEqual(got.replace(self.path("old.h5"), ""),
                         want.replace(self.file("best.h5"), ""))

    def test_version_1(self):
        """A file without the block of text before HDF5's part."""
        self.train(self.small())
        self.as_version(1)
        self.reads_old()
        self.as_version(2)
        self.fails(3, "evaluate", self.path("old.h5"), says="the checksum at its beginning is gone")

    def test_version_2(self):
        """A file with one sum of all bytes in this block."""
        self.train(self.small())
        self.as_version(2, userblock_size=4096)
        with open(self.path("old.h5"), "r+b") as f:
            f.seek(4096)
            total = xxhash.xxh3_128_hexdigest(f.read())
            f.seek(0)
            f.write(b"lockstep checkpoint\nxxh3_128 of what follows these 4096 bytes: "
                    + total.encode() + b"\n")
        self.reads_old()
        with open(self.path("old.h5"), "r+b") as f:
            f.seek(6000)
            byte = f.read(1)
            f.seek(6000)
            f.write(bytes([byte[0] ^ 4]))
        self.fails(3, "evaluate", self.path("old.h5"), says="the file is damaged")

    def test_time_limit(self):
        """Stops in time, with 75, and goes on to the same weights."""
        config = self.small(train={"epochs": 400000})
        for ranks, env in ((1, {}), (2, {"SLURM_JOB_END_TIME": str(int(time.time()) + 5)})):
            limit = [] if env else ["--time-limit", "4s"]
            r = lockstep_test.run("train", config, "--run-dir", self.path("run"), "--resume", *limit,
                                  ranks=ranks, env=env)
            self.assertEqual(r.code, 75, repr(r))
            self.assertIn("the time limit is near; go on with --resume", r.err)
            self.assertLess(r.seconds, 30)
        epochs = self.state("last.h5")["epoch"]
        self.train(config, "--set", f"train.epochs={epochs + 1}", run_dir="straight")
        self.train(config, "--resume", "--set", f"train.epochs={epochs + 1}")
        self.assertEqual(self.weights("last.h5"), self.weights("last.h5", "straight"))
        self.fails(2, "train", config, "--time-limit", "soon", says=["'soon'", "HH:MM:SS"])

    def test_an_own_config_is_not_written_over(self):
        """A config that lies in the run directory under the name of the resolved one."""
        config = self.small(name="config.yaml")
        before = self.text("config.yaml")
        for flags in ([], ["--resume"], ["--overwrite"]):
            self.fails(2, "train", config, "--run-dir", self.dir, *flags)
            self.assertEqual(self.text("config.yaml"), before)
        self.train(config)
        self.train(self.path("run", "config.yaml"), "--resume", "--set", "train.epochs=4")

    def test_strangers_files_stay(self):
        os.makedirs(self.path("run", "checkpoints"))
        for name in ("results.tmp-2024.csv", "a.tmp-1", ".a.tmp-1", "checkpoints/mine.h5"):
            self.write(f"run/{name}", "x")
        self.write("run/.config.yaml.tmp-17", "half")
        self.train(self.small())
        for name in ("results.tmp-2024.csv", "a.tmp-1", ".a.tmp-1", "checkpoints/mine.h5"):
            self.assertTrue(os.path.exists(self.path("run", name)), name)
        self.assertFalse(os.path.exists(self.path("run/.config.yaml.tmp-17")))

    def test_only_best_is_left(self):
        """Killed between the names of its first checkpoint, or last.h5 was removed: it goes on."""
        config = self.small()
        self.train(config, run_dir="straight")
        self.train(config, "--set", "train.epochs=1")
        for name in self.names()[1:]:
            os.remove(self.file(name))
        self.fails(2, "train", config, "--run-dir", self.path("run"), says="holds a run")
        self.train(config, "--resume")
        self.assertEqual(self.weights("last.h5"), self.weights("last.h5", "straight"))


def contents(path):
    with open(path, "rb") as f:
        return f.read()


lockstep_test.main()

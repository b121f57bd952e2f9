# timeout: 900
"""What train, evaluate and predict say to a run directory, a checkpoint or a dataset that does not
fit a model, to a full disk and to divergence.

As in test_bad_input.py each case runs on 1 and on 3 ranks and must end by itself; what was there
before stays whole.
"""
import contextlib
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np

import experiments
import fault_runs
import lockstep_test
import refusals
from refusals import RANKS


class BadRuns(refusals.TestCase):
    # ---- run directories ----

    def test_run_directory_holds_a_run(self):
        self.dataset()
        self.train()
        self.refused(2, [self.run_dir, "holds a run", "--resume", "--overwrite", "--run-dir"],
                     "train", self.config(), "--run-dir", self.run_dir)

    def test_run_directory_is_a_file(self):
        self.dataset()
        self.write("run", "")
        self.refused(2, [self.run_dir, "not a directory"], "train", self.config(), "--run-dir",
                     self.run_dir)

    def test_run_directory_can_not_be_made(self):
        self.dataset()
        self.write("file", "")
        self.refused(1, [self.path("file")], "train", self.config(), "--run-dir",
                     self.path("file", "run"))
        with h5py.File(self.dataset(samples=9000), "r+") as f:  # told before all rows are read
            f["X"][2000, 5] = np.nan
        self.refused(1, ["create the directory"], "train", self.config(), "--run-dir",
                     self.path("file", "run"))

    def test_run_directory_in_use(self):
        self.dataset()
        config = self.config(train={"epochs": 1000000})
        first = subprocess.Popen([lockstep_test.LOCKSTEP, "train", config, "--run-dir",
                                  self.run_dir], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            while not os.path.exists(self.path("run", "checkpoints", "last.h5")):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            # No daemon of Open MPI, which might outlive it and hold its output open.
            with open(f"/proc/{first.pid}/task/{first.pid}/children", encoding="ascii") as f:
                self.assertEqual(f.read(), "")
            with open(f"/proc/{first.pid}/comm", encoding="ascii") as f:
                self.assertEqual(f.read(), "lockstep\n")
            for args in ([], ["--resume"], ["--overwrite"]):
                self.fails(2, "train", config, "--run-dir", self.run_dir, *args, ranks=RANKS,
                           says=[self.run_dir, "in use by", f"process {first.pid}", "--run-dir"])
            self.ok("train", config, "--run-dir", self.run_dir, "--dry-run")
            self.assertIsNone(first.poll())
        finally:
            first.kill()
            first.wait()
        # The lock ends with the process, however that ends.
        self.train("--resume", "--set", "train.epochs=2")

    # ---- resuming ----

    def test_resume_with_another_config(self):
        self.dataset()
        self.train()
        config = self.config(train={"epochs": 2})
        for change, key in (("seed=5", "seed"), ("batch.lanes=2", "batch.lanes"),
                            ("model.0.dense.bias=false", "model.0.dense.bias"),
                            ("optimizer={adam: {lr: 0.5}}", "optimizer.adam.lr"),
                            ("optimizer=sgd", "optimizer"),
                            ("data.transform=[log1p]", "data.transform"),
                            ("class_weights=balanced", "class_weights"),
                            ("data.weights=''", "data.weights"),
                            ("batch.sampling=balanced", "batch.sampling"),
                            ("train.early_stopping={}", "train.early_stopping")):
            with self.subTest(change=change):
                self.refused(2, [key, "differs from the run that is resumed", "--overwrite"],
                             "train", config, "--run-dir", self.run_dir, "--resume", "--set",
                             change, alone=True)

    def test_resume_with_another_dataset(self):
        self.dataset()
        self.train()
        config = self.config(train={"epochs": 2})
        path = experiments.classes(self.path("d.h5"), 60, 6, 3, seed=9)
        args = ["train", config, "--run-dir", self.run_dir, "--resume"]
        self.refused(3, [path, "not the dataset that the run began with", "--overwrite"], *args,
                     alone=True)
        self.dataset(samples=61)
        self.refused(3, [path, "61 samples", "60", "--overwrite"], *args, alone=True)

    def test_resume_with_one_value_changed(self):
        """Where the fingerprint that is taken before reading does not look."""
        path = self.dataset(samples=400)
        self.train()
        with h5py.File(path, "r+") as f:
            f["X"][100, 3] += 0.25
        self.refused(3, [path, "values have changed since the run began", "--overwrite"], "train",
                     self.config(train={"epochs": 2}), "--run-dir", self.run_dir, "--resume",
                     alone=True)

    # ---- checkpoints ----

    def last(self):
        return f"{self.run_dir}/checkpoints/last.h5"

    def copy_last(self):
        """last.h5 as a file of its own: best.h5 is left alone by what follows."""
        shutil.copy(self.last(), self.path("copy.h5"))
        os.replace(self.path("copy.h5"), self.last())

    def test_any_damage(self):
        """Wherever a bit turns, or the file ends, it is found."""
        data = self.dataset()
        self.train()
        self.copy_last()
        with open(self.last(), "rb") as f:
            good = f.read()
        says = [self.last(), "damaged"]
        for place in [0, 30, 60, 300, 4095, *range(4096, len(good), len(good) // 24), len(good) - 1]:
            bad = bytearray(good)
            bad[place] ^= 1 << place % 8
            with self.subTest(place=place):
                with open(self.last(), "wb") as f:
                    f.write(bad)
                r = lockstep_test.run("evaluate", self.last(), "--data", data)
                self.assertEqual((r.code, r.err.count("lockstep: error:")), (3, 1), repr(r))
                self.assertIn(self.last(), r.err)
        self.refused(3, says, "predict", self.last(), "--data", data, "-o", self.path("p.csv"))
        self.refused(3, says, "inspect", self.last())
        self.refused(3, says, "inspect", self.last(), "--hash")

    def test_damaged_array(self):
        """The sum of an array finds what a program has changed that makes its own seal."""
        data = self.dataset()
        self.train()
        self.copy_last()
        for name in ("model/0_dense/weight", "optimizer/v/0_dense/bias"):
            with experiments.edit_checkpoint(self.last()) as f:
                good = f[name][...]
                f[name][...] = good + 1
            says = [self.last(), f"/{name} is damaged", "another checkpoint"]
            if name.startswith("model"):
                self.refused(3, says, "evaluate", self.last(), "--data", data)
                self.refused(3, says, "inspect", self.last(), "--hash")
                with experiments.edit_checkpoint(self.last()) as f:
                    f[name][...] = good
            else:
                self.ok("evaluate", self.last(), "--data", data)
                self.refused(3, says, "train", self.config(train={"epochs": 2}), "--run-dir",
                             self.run_dir, "--resume", alone=True)

    def test_split_that_does_not_fit(self):
        """A file that is whole, but whose parts hold rows without a label."""
        y = np.array(["a", "b", "c"], dtype=object)[np.arange(60) % 3]
        y[7] = ""
        experiments.write(self.path("d.h5"), {"X": experiments.matrix(60, 6, 1), "y": y})
        self.train()
        for row, part, says in ((7, 0, "row 7, without a label, is in part 0"),
                                (8, 77, "row 8, with a label, is in part 77")):
            with experiments.edit_checkpoint(self.last()) as f:
                kept = f["split"][row]
                f["split"][row] = part
            self.refused(3, [self.last(), "/split does not fit the dataset", says], "train",
                         self.config(train={"epochs": 2}), "--run-dir", self.run_dir, "--resume",
                         alone=True)
            with experiments.edit_checkpoint(self.last()) as f:
                f["split"][row] = kept

    def test_not_a_checkpoint(self):
        data = self.dataset()
        csv = self.write("a.csv", "a,b\n")
        os.mkdir(self.path("empty"))
        for model, says in ((data, "not a lockstep checkpoint"), (csv, "not an HDF5 file"),
                            (self.path("absent.h5"), "no such file or directory"),
                            (self.path("empty"), "no checkpoint in this run directory")):
            for command in (["evaluate", model], ["predict", model, "-o", self.path("p.h5")]):
                self.refused(3, [model, says], *command, "--data", data)

    def test_cut_checkpoint(self):
        data = self.dataset()
        self.train()
        size = os.path.getsize(self.last())
        for cut in (size // 2, 100, 0):
            os.truncate(self.path("run", "checkpoints", "best.h5"), cut)
            self.refused(3, ["best.h5"], "evaluate", self.run_dir, "--data", data)

    def test_parts_of_a_checkpoint_that_do_not_fit(self):
        data = self.dataset()
        for name, says in (("model/0_dense/weight", "/model/0_dense/weight"),
                           ("config", "/config"), ("split", "/split"), ("state", "/state"),
                           ("transforms", "/transforms"), ("classes", "classes")):
            with self.subTest(name=name):
                self.train("--overwrite")
                with experiments.edit_checkpoint(self.last()) as f:
                    del f[name]
                self.refused(3, [self.last(), says], "evaluate", self.last(), "--data", data)
        self.train("--overwrite")
        with experiments.edit_checkpoint(self.last()) as f:
            del f["model/0_dense/weight"]
            f["model/0_dense/weight"] = np.zeros((6, 3), "f4")
        self.refused(3, [self.last(), "/model/0_dense/weight", "shape"], "evaluate", self.last(),
                     "--data", data)
        self.train("--overwrite")
        with experiments.edit_checkpoint(self.last()) as f:
            f.attrs["version"] = np.uint64(4)
        self.refused(3, [self.last(), "version 4", "1 to 3"], "evaluate", self.last(),
                     "--data", data)

    # ---- applying a model ----

    def named(self):
        """A model of named classes and features."""
        data = self.dataset(classes=["a", "b", "c"], features=[f"g{i}" for i in range(6)])
        self.train("--set", "data.split={train: 1.0}")
        return data

    def test_checkpoint_that_asks_for_all_memory(self):
        """A small file from a stranger."""
        self.dataset()
        for name, edit, says in (
                ("config", lambda f: self.set_text(f, "config", "units: 3", "units: 16777216"),
                 "more than the file can hold"),
                ("transforms", lambda f: f["transforms"].attrs.update(
                    {"inputs": np.uint64(1 << 28), "outputs": np.uint64(1 << 28)}),
                 "more columns than the file can hold")):
            with self.subTest(name=name):
                self.train("--overwrite")
                with experiments.edit_checkpoint(self.last()) as f:
                    edit(f)
                self.refused(3, [self.last(), f"/{name}", says], "inspect", self.last(), ranks=(0,))

    def set_text(self, file, name, old, new):
        text = file[name][()].decode()
        self.assertIn(old, text)
        del file[name]
        file[name] = text.replace(old, new)

    def test_evaluate_on_data_that_does_not_fit(self):
        self.named()
        other = self.path("o.h5")
        x, y = experiments.matrix(60, 6, 2), np.arange(60) % 3
        features = [f"g{i}" for i in range(6)]
        for arrays, says in (
                ({"y": y, "features": features, "classes": ["a", "b", "x"]},
                 ["does not know: 'x'", "20", "--ignore-unknown"]),
                ({"y": y, "features": [*features[:4], "h1", "h2"]},
                 ["2 of the model's 6 features are missing: 'g4', 'g5'", "hint:"]),
                ({"features": features}, ["no targets", "/y"]),
                ({"y": x[:, :1], "features": features}, ["float values", "classes"])):
            with self.subTest(says=says):
                experiments.write(other, {"X": x, **arrays})
                self.refused(3, [other, *says], "evaluate", self.run_dir, "--data", other)
        experiments.write(other, {"X": x[:, :5], "y": y})
        self.refused(3, [other, "5 features, the model takes 6"], "evaluate", self.run_dir,
                     "--data", other)
        self.refused(3, [other, "5 features, the model takes 6"], "predict", self.run_dir,
                     "--data", other, "-o", self.path("p.h5"))

    def test_evaluate_without_its_dataset(self):
        data = self.named()
        self.refused(3, [data, "no rows in the val part"], "evaluate", self.run_dir)
        self.refused(3, [data, "no rows in the test part"], "evaluate", self.run_dir, "--split",
                     "test")
        experiments.classes(data, 60, 6, 3, {"features": [f"g{i}" for i in range(6)]}, seed=5)
        self.refused(3, [data, "not the dataset that the model was trained on", "--data"],
                     "evaluate", self.run_dir, "--split", "train")
        self.refused(3, [data, "no split", "--split"], "evaluate", self.run_dir, "--split", "train",
                     "--data", data)
        os.remove(data)
        self.refused(3, [data, "no such file", "--data"], "evaluate", self.run_dir)

    def test_predict_values_that_are_not_finite(self):
        """The bad row belongs to the last rank when there are three."""
        self.named()
        other = self.path("o.h5")
        x = experiments.matrix(1500, 6, 2)
        x[1300, 4] = np.nan
        experiments.write(other, {"X": x})
        for out in ("p.csv", "p.h5"):
            self.refused(3, [other, "/X: row 1300, column 4", "missing"], "predict", self.run_dir,
                         "--data", other, "-o", self.path(out))

    def test_predict_where_it_can_not_write(self):
        data = self.named()
        for out in ("p.csv", "p.h5"):
            self.refused(1, [self.path("absent")], "predict", self.run_dir, "--data", data, "-o",
                         self.path("absent", out))

    def test_predict_onto_its_own_input(self):
        data = self.named()
        os.symlink(data, self.path("link.h5"))
        checkpoint = self.path("run", "checkpoints", "best.h5")
        for out in (data, self.path("link.h5"), checkpoint):
            self.refused(2, [out, "would be overwritten", "-o"], "predict", self.run_dir, "--data",
                         data, "-o", out)
        self.ok("evaluate", self.run_dir, "--data", data)

    # ---- a full disk ----

    def test_results_that_can_not_be_printed(self):
        """Under mpiexec stdout is a pipe, so this is one process."""
        data = self.named()
        for args in (["evaluate", self.run_dir, "--data", data, "--json"],
                     ["inspect", self.run_dir], ["train", "--help-config"], ["--version"],
                     ["train", self.config(), "--dry-run"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                r = subprocess.run([lockstep_test.LOCKSTEP, *args], stdout=full, text=True,
                                   stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
            self.assertEqual(r.returncode, 1, args)
            self.assertEqual(r.stderr.count("lockstep: error:"), 1)
            self.assertIn("standard output: write: No space left on device", r.stderr)

    def small_disk(self, megabytes):
        disk = self.path("disk")
        os.mkdir(disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", disk],
                          capture_output=True).returncode:
            self.skipTest("no right to mount a small disk")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        return disk

    def fill(self, disk, leave, mode="wb"):
        """Writes a file that leaves that many bytes."""
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        with open(f"{disk}/filler", mode) as f, contextlib.suppress(OSError):  # or is less by now
            f.write(bytes(max(0, free - leave)))

    def test_full_disk(self):
        """The checkpoint of before stays as it was, and the run goes on once there is room."""
        self.dataset()
        disk = self.small_disk(4)
        self.run_dir = f"{disk}/run"
        checkpoints = f"{self.run_dir}/checkpoints"
        config = self.config(model=[experiments.dense(6000), "relu", experiments.dense(3)])
        self.train(config=config)
        good = experiments.contents(f"{checkpoints}/last.h5")
        for leave in (0, 1 << 16):
            for ranks in RANKS:
                with self.subTest(leave=leave, ranks=ranks):
                    self.fill(disk, leave)
                    self.fails(1, "train", config, "--run-dir", self.run_dir, "--resume", "--set",
                               "train.epochs=3", ranks=(ranks,),
                               says=[self.run_dir, "No space left on device", "hint:", "space"])
                    os.remove(f"{disk}/filler")
                    self.assertEqual(sorted(os.listdir(checkpoints)), ["best.h5", "last.h5"])
                    for name in ("best.h5", "last.h5"):
                        self.assertEqual(experiments.contents(f"{checkpoints}/{name}"), good)
        self.train("--resume", "--set", "train.epochs=3", config=config)
        self.assertEqual([line["epoch"] for line in experiments.metrics(self.run_dir)], [1, 2, 3])
        data = experiments.classes(self.path("many.h5"), 20000, 6, 3)
        self.fill(disk, 1 << 16)
        for name in ("p.csv", "p.h5"):
            self.refused(1, [f"error: {disk}/{name}: ", "No space left on device", "hint:"], "predict",
                         self.run_dir, "--data", data, "-o", f"{disk}/{name}")

    def test_disk_that_fills_up(self):
        """While training goes on and a thread writes a checkpoint."""
        self.dataset()
        disk = self.small_disk(6)
        self.run_dir = f"{disk}/run"
        config = self.config(model=[experiments.dense(6000), "relu", experiments.dense(3)],
                             checkpoint={"every_steps": 2})
        args = ["train", config, "--run-dir", self.run_dir, "--resume", "--set"]
        for ranks in RANKS:
            with self.subTest(ranks=ranks):
                with ThreadPoolExecutor() as pool:
                    run = pool.submit(lockstep_test.run, *args, "train.epochs=1000000",
                                      ranks=ranks)
                    deadline = time.monotonic() + 60
                    best = f"{self.run_dir}/checkpoints/best.h5"  # an epoch is done
                    while not (run.done() or time.monotonic() > deadline or os.path.exists(best)):
                        time.sleep(0.05)
                    while not run.done():  # files that come and go leave room again
                        self.fill(disk, 1 << 16, "ab")
                        time.sleep(0.02)
                    r = run.result()
                self.assertEqual((r.code, r.err.count("lockstep: error:")), (1, 1), repr(r))
                self.assertIn(f"error: {self.run_dir}/", r.err)
                self.assertIn("No space left on device", r.err)
                os.remove(f"{disk}/filler")
                fault_runs.check_checkpoints(self.run_dir, 1)
                self.assertFalse([n for n in os.listdir(f"{self.run_dir}/checkpoints")
                                  if ".tmp-" in n])
                with h5py.File(self.last(), "r") as f:
                    epochs = int(f["state"].attrs["epoch"]) + 1
                self.ok(*args, f"train.epochs={epochs}")
                self.ok("train", config, "--run-dir", self.path("straight"), "--overwrite",
                        "--set", f"train.epochs={epochs}", "--set", "checkpoint.every_steps=1000")
                fault_runs.check_finished(
                    self.run_dir, fault_runs.hash_of(self.path("straight/checkpoints/last.h5")),
                    epochs)
                shutil.rmtree(self.run_dir)

    # ---- divergence ----

    def test_divergence(self):
        """The checkpoints of the good epochs stay: finite, and evaluated without complaint."""
        data = experiments.values(self.path("d.h5"), 60, 6, 3)
        for batch in ({"size": 12}, {"size": 60}):  # several steps an epoch, one step
            for part in ({"train": 0.5, "val": 0.5}, {"train": 1.0}):
                config = self.config(loss="mse", optimizer={"sgd": {"lr": 0.3}}, batch=batch,
                                     data={"split": part}, train={"epochs": 500})
                for ranks in RANKS:
                    with self.subTest(batch=batch, part=part, ranks=ranks):
                        self.fails(4, "train", config, "--run-dir", self.run_dir, "--overwrite",
                                   ranks=(ranks,), says=["epoch", "lower the learning rate"])
                        with h5py.File(self.last(), "r") as f:
                            self.assertTrue(np.isfinite(f["model/0_dense/weight"][()]).all())
                            epochs = f["state"].attrs["epoch"]
                        self.assertEqual(epochs, len(experiments.metrics(self.run_dir)))
                        self.assertGreater(epochs, 1)
                self.ok("evaluate", self.run_dir, "--data", data)


if __name__ == "__main__":
    lockstep_test.main()

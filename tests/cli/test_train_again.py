# timeout: 900
"""The best epoch and early stopping, second starts in a run's directory, and datasets that leave
ranks, lanes or parts without rows."""
import json
import os
import signal
import subprocess
import time

import h5py
import numpy as np

import experiments
import lockstep_test
from experiments import dense
from small_runs import TestCase


class Best(TestCase):
    """Which epoch is the best, and when training stops, against a recount of metrics.jsonl."""

    LOWER = ("val_loss", "train_loss", "val_brier", "val_log_loss", "val_calibration_error")

    @classmethod
    def recount(cls, lines, monitor, patience, min_delta, mode="auto"):
        """(the best epoch, the epoch after which training stops)."""
        sign = {"auto": 1 if monitor in cls.LOWER else -1, "min": 1, "max": -1}[mode]
        best = reference = np.inf
        best_epoch = waited = 0
        for line in lines:
            value = sign * line[monitor]
            if value < best:
                best, best_epoch = value, line["epoch"]
            if value < reference - min_delta:
                reference, waited = value, 0
            else:
                waited += 1
                if waited == patience:
                    return best_epoch, line["epoch"]
        return best_epoch, lines[-1]["epoch"]

    def check(self, monitor, patience, min_delta, ranks, mode="auto"):
        # Steps so large that every metric goes up and down; with a min_delta small ones, which
        # improve the loss by less and less.
        sgd = {"lr": 0.4, "momentum": 0.9} if min_delta == 0 else {"lr": 0.01}
        config = self.small(
            optimizer={"sgd": sgd},
            train={"epochs": 60, "early_stopping": {"monitor": monitor, "patience": patience,
                                                    "min_delta": min_delta, "mode": mode}})
        r = self.train(config, "--overwrite", ranks=ranks)
        lines = experiments.metrics(self.path("run"))
        best, end = self.recount(lines, monitor, patience, min_delta, mode)
        self.assertEqual(lines[-1]["epoch"], end)
        self.assertLess(end, 60)
        if min_delta > 0:  # it counts: by the plain value the last epochs were better
            self.assertLess(lines[-1][monitor], lines[-1 - patience][monitor])
        self.assertIn(f"no improvement of {monitor} for {patience} epochs", r.err)
        flags = [line["epoch"] for line in lines if line["best"]]
        self.assertEqual(flags[-1], best)
        last, stored = self.state("last.h5"), self.state("best.h5")
        self.assertEqual((last["epoch"], last["best_epoch"], last["finished"]), (end, best, 1))
        self.assertEqual((stored["epoch"], stored["best_epoch"]), (best, best))
        metric = monitor.split("_", 1)[1]
        r = self.ok("evaluate", self.path("run"), "--json", "--split", "val")
        if monitor.startswith("val"):
            self.assertEqual(json.loads(r.out)[metric], lines[best - 1][monitor])
        return end, flags

    def test_early_stopping(self):
        ends = set()
        for monitor, patience, min_delta, ranks in (
                ("val_loss", 3, 0, 0), ("val_loss", 3, 0.04, 3), ("val_accuracy", 4, 0, 2),
                ("train_loss", 2, 0.01, 0), ("train_loss", 5, 0, 0)):
            with self.subTest(monitor=monitor, patience=patience, min_delta=min_delta):
                end, _ = self.check(monitor, patience, min_delta, ranks)
                ends.add((end, patience))
        self.assertGreater(len(ends), 2)  # the cases differ

    def test_any_metric_decides(self):
        for monitor, ranks, mode in (
                ("val_auc", 3, "auto"), ("val_f1_macro", 0, "auto"), ("val_mcc", 2, "auto"),
                ("val_brier", 0, "auto"), ("val_calibration_error", 3, "auto"),
                ("val_auc", 2, "min"), ("val_loss", 0, "max")):
            with self.subTest(monitor=monitor, mode=mode):
                self.check(monitor, 4, 0, ranks, mode)
                self.assertIn(monitor, self.text("run", "log.txt"))  # a column of the table

    def test_a_metric_without_a_value_is_no_improvement(self):
        """The area under the curve of validation rows that are all of one class."""
        config = self.small(train={"epochs": 9, "early_stopping": {"monitor": "val_auc",
                                                                   "patience": 2}})
        with h5py.File(self.path("d.h5"), "r+") as f:
            f["y"][f["split"][()] == 1] = 2
        r = self.train(config, ranks=2)
        self.assertIn("val_auc has no value in epoch 1", r.err)
        self.assertIn("no improvement of val_auc for 2 epochs", r.err)
        self.assertNotIn("best val_auc", r.err)
        lines = experiments.metrics(self.path("run"))
        self.assertEqual([(line["val_auc"], line["best"]) for line in lines], [(None, False)] * 2)
        self.assertEqual(sorted(os.listdir(self.path("run", "checkpoints"))),
                         ["last.h5", "step-0000000005.h5"])
        self.assertEqual(json.loads(self.ok("evaluate", self.path("run"), "--json").out)["split"],
                         "val")

    def test_best_needs_a_strictly_better_value(self):
        config = self.small(optimizer={"sgd": {"lr": 0}})
        self.train(config)
        self.assertEqual(self.state("best.h5")["epoch"], 1)
        self.assertEqual([line["best"] for line in experiments.metrics(self.path("run"))],
                         [True, False, False])

    def test_without_validation_the_training_loss_decides(self):
        config = self.small(data={"split": {"train": 1}})
        r = self.train(config)
        self.assertIn("best train_loss", r.err)
        facts = json.loads(self.ok("inspect", self.path("run"), "--json").out)
        self.assertEqual(facts["monitor"], "train_loss")
        lines = experiments.metrics(self.path("run"))
        self.assertEqual(facts["best_epoch"],
                         min(lines, key=lambda line: line["train_loss"])["epoch"])


class Again(TestCase):
    """A second start in the same directory."""

    def test_overwrite(self):
        config = self.small()
        self.train(config)
        self.train(config, "--overwrite", "--set", "train.epochs=1", "--set", "seed=9")
        self.assertEqual(len(experiments.metrics(self.path("run"))), 1)
        self.assertEqual(self.state("last.h5")["epoch"], 1)
        self.assertNotIn("trained 3 epochs", self.text("run", "log.txt"))
        self.assertEqual(len(json.loads(self.text("run", "provenance.json"))["starts"]), 1)

    def test_overwrite_that_fails_before_it_starts(self):
        config = self.small()
        self.train(config)
        before = {f: self.text("run", f) for f in ("metrics.jsonl", "config.yaml", "log.txt")}
        with h5py.File(self.path("d.h5"), "r+") as f:
            f["X"][3, 3] = np.nan
        self.fails(3, "train", config, "--run-dir", self.path("run"), "--overwrite", ranks=(1, 3),
                   says="row 3, column 3")
        self.assertEqual(before, {f: self.text("run", f) for f in before})
        self.assertEqual(self.state("last.h5")["epoch"], 3)

    def test_resume_with_nothing_there(self):
        config = self.small()
        self.train(config, "--resume", ranks=2)
        self.train(config, run_dir="other")
        self.assertEqual(self.weights("last.h5"), self.weights("last.h5", "other"))

    def test_resume_of_a_finished_run(self):
        config = self.small()
        self.train(config)
        before = self.text("run", "metrics.jsonl"), self.state("last.h5")
        for ranks in (0, 3):
            r = self.train(config, "--resume", ranks=ranks)
            self.assertIn("the run has finished: 3 epochs are done", r.err)
            self.assertEqual(r.out, "")
        self.assertEqual(before, (self.text("run", "metrics.jsonl"), self.state("last.h5")))
        # The dataset is not even looked at.
        os.remove(self.path("d.h5"))
        self.train(config, "--resume")

    def test_resume_of_a_run_that_stopped_early(self):
        stop = {"early_stopping": {"patience": 1}}
        config = self.small(optimizer={"sgd": {"lr": 0}}, train={"epochs": 9, **stop})
        self.train(config)
        self.assertEqual(self.state("last.h5")["epoch"], 2)
        r = self.train(config, "--resume", "--set", "train.epochs=20")
        self.assertIn("finished", r.err)

    def test_dataset_that_has_moved(self):
        config = self.small()
        self.train(config, "--set", "train.epochs=2")
        self.train(config, run_dir="straight")
        os.rename(self.path("d.h5"), self.path("moved.h5"))
        self.train(config, "--resume", "--set", f"data.file={self.path('moved.h5')}")
        self.assertEqual(self.weights("last.h5"), self.weights("last.h5", "straight"))
        self.assertIn("moved.h5", self.text("run", "config.yaml"))

    def test_metrics_are_cut_back_to_the_checkpoint(self):
        """A run that dies after writing a line and before its checkpoint writes it once."""
        config = self.small()
        self.train(config, "--set", "train.epochs=2")
        whole = experiments.metrics(self.path("run"))
        with open(self.path("run", "metrics.jsonl"), "a", encoding="utf-8") as f:
            f.write('{"epoch":3,"step":15,"train_loss":7}\n{"epoch":4,"st')
        self.train(config, "--resume")
        lines = experiments.metrics(self.path("run"))
        self.assertEqual(lines[:2], whole)
        self.assertEqual([line["epoch"] for line in lines], [1, 2, 3])
        self.train(config, run_dir="straight")
        self.assertEqual(lines, experiments.metrics(self.path("straight")))

    def start(self, config):
        """A run that has come to its steps."""
        log = self.path("run", "log.txt")
        before = os.path.getsize(log) if os.path.exists(log) else 0
        run = subprocess.Popen([lockstep_test.LOCKSTEP, "train", config, "--run-dir",
                                self.path("run"), "--resume"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not os.path.exists(log) or os.path.getsize(log) <= before + 200:
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(run.poll())
            time.sleep(0.002)
        return run

    def test_signals(self):
        """TERM, INT, USR1 and USR2 end a run with a checkpoint and exit code 75."""
        config = self.small(train={"epochs": 1000000})
        step = 0
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
            run = self.start(config)
            run.send_signal(number)
            out, err = run.communicate(timeout=60)
            self.assertEqual((run.returncode, out), (75, ""), err)
            self.assertIn("go on with --resume", err)
            self.assertNotIn("error", err)
            self.assertGreater(self.state("last.h5")["step"], step)
            step = self.state("last.h5")["step"]
            self.assertFalse(os.path.exists(self.path("run", ".lock")))

    def test_killed(self):
        """After kill -9, whenever it comes, the run goes on from its last epoch to the same
        weights; what was not finished is removed."""
        config = self.small(train={"epochs": 150})
        self.train(config, run_dir="straight")
        for wait in (0.03, 0.05, 0.08):
            run = self.start(config)
            time.sleep(wait)
            run.kill()
            run.communicate()
        self.write("run/checkpoints/.last.h5.tmp-1", "half")
        self.train(config, "--resume", ranks=2)
        self.assertEqual(sorted(os.listdir(self.path("run", "checkpoints"))),
                         ["best.h5", "last.h5", "step-0000000745.h5"])
        for name in ("last.h5", "best.h5"):
            self.assertEqual(self.weights(name), self.weights(name, "straight"))
        self.assertEqual(experiments.metrics(self.path("run")),
                         experiments.metrics(self.path("straight")))


class Extremes(TestCase):
    """Datasets that leave ranks, lanes or parts without rows give the same on any rank count."""

    def check(self, n_classes, samples, features, config):
        data = experiments.classes(self.path("x.h5"), samples, features, n_classes)
        config = experiments.write_config(self.path("x.yaml"), {
            "model": [dense(n_classes)], "loss": "softmax_cross_entropy",
            "train": {"epochs": 2}, **config, "data": {"file": data, **config["data"]}})
        for ranks in (1, 3, 8):
            self.train(config, run_dir=f"run{ranks}", ranks=ranks)
        for ranks in (3, 8):
            self.assertEqual(self.weights("last.h5", "run1"), self.weights("last.h5", f"run{ranks}"))
            for out in ("p.csv", "p.h5"):
                self.ok("predict", self.path("run1"), "--data", data, "-o", self.path(out),
                        ranks=ranks)

    def test_one_row_of_one_class(self):
        self.check(1, 1, 1, {"data": {
            "split": {"train": 1}, "transform": ["standardize", "minmax", "center", {"select": 1}]}})

    def test_fewer_rows_than_a_batch(self):
        self.check(2, 41, 3, {"data": {"split": {"train": 0.8, "val": 0.2}}})

    def test_one_validation_row(self):
        self.check(2, 600, 3, {"data": {"split": {"train": 599 / 600, "val": 1 / 600}}})

    def test_constant_columns(self):
        data = self.path("x.h5")
        self.check(2, 90, 3, {"data": {"transform": ["standardize"]}})
        with h5py.File(data, "r+") as f:
            f["X"][:, 1] = 2.5
        self.train(self.path("x.yaml"), run_dir="constant", ranks=3)
        self.assertTrue(all(np.isfinite(np.frombuffer(w, "f4")).all() for k, w in
                            self.weights("last.h5", "constant").items() if "@" not in k))


if __name__ == "__main__":
    lockstep_test.main()

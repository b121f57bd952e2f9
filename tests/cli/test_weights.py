"""What rows count in the loss (class_weights, data.weights) and how often they are drawn
(batch.sampling): what is reported, beside scikit-learn; what must not change; what is refused. (The
gradient beside PyTorch's: parity/test_losses.py.)"""
# timeout: 300
import csv
import json
import os
import shutil

import h5py
import numpy as np

import experiments
import lockstep_test
import refusals
from experiments import dense

# Outputs are sums of some tens of float32 products of size 1, row losses float64.
CLOSE = 2e-6


class Weights(refusals.TestCase):
    def setUp(self):
        super().setUp()
        n = 240
        # 0 is three times as frequent as 1, and 1 as 2.
        self.y = np.array([0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 2])[np.arange(n) * 7 % 13]
        self.x = experiments.matrix(n, 6, 3) + self.y[:, None] * np.arange(6) / 8
        self.w = (experiments.integers(n, 5, 9) / 4).astype("f4")
        self.split = np.arange(n) % 4 // 2 * (1 + np.arange(n) % 2)  # train, train, val, test

    def data(self, name="d.h5", **arrays):
        arrays = {"X": self.x.astype("f4"), "y": self.y, "split": self.split.astype("u1"), **arrays}
        return experiments.write(self.path(name), {k: v for k, v in arrays.items() if v is not None})

    def evaluate(self, *args):
        return json.loads(self.ok("evaluate", self.run_dir, *args, "--json").out)

    def probabilities(self, data):
        self.ok("predict", self.run_dir, "--data", data, "-o", self.path("p.h5"))
        with h5py.File(self.path("p.h5")) as f:
            return f["probabilities"][()].astype("f8")

    def check_losses(self, class_weight, of_row, *settings):
        """Reported losses are scikit-learn's with these weights, accuracy is without."""
        metrics = lockstep_test.need_module("sklearn.metrics").metrics
        self.train("--overwrite", *settings, config=self.config(
            optimizer={"sgd": {"lr": 0.05}}, batch={"size": 20, "lanes": 4}, train={"epochs": 3}))
        p = self.probabilities(self.path("d.h5"))
        w = class_weight[self.y] * of_row
        last = experiments.metrics(self.run_dir)[-1]
        for part, name in enumerate(("train", "val", "test")):
            rows = self.split == part
            got = self.evaluate("--split", name)
            want = metrics.log_loss(self.y[rows], p[rows], sample_weight=w[rows], labels=[0, 1, 2])
            self.assertAlmostEqual(got["loss"], want, delta=CLOSE)
            self.assertAlmostEqual(got["accuracy"], (p.argmax(1) == self.y)[rows].mean(), delta=1e-8)
            if name == "val" and last["best"]:
                self.assertAlmostEqual(last["val_loss"], got["loss"], delta=1e-8)

    def test_reported_losses(self):
        one, given = np.ones(3), np.array([0.5, 1, 6])
        counts = np.bincount(self.y[self.split == 0])
        balanced = len(self.y[self.split == 0]) / (3 * counts)
        class_weight = lockstep_test.need_module("sklearn.utils.class_weight").utils.class_weight
        np.testing.assert_allclose(balanced, class_weight.compute_class_weight(
            "balanced", classes=np.arange(3), y=self.y[self.split == 0]), rtol=1e-15)
        self.data()
        self.check_losses(one, 1)
        self.check_losses(given, 1, "--set", "class_weights=[0.5, 1, 6]")
        self.check_losses(balanced, 1, "--set", "class_weights=balanced")
        with h5py.File(f"{self.run_dir}/checkpoints/best.h5") as f:
            np.testing.assert_array_equal(f["class_weights"][()], balanced)
        self.data(weights=self.w)
        self.check_losses(one, self.w)
        self.check_losses(balanced, self.w, "--set", "class_weights=balanced")
        self.check_losses(one, 1, "--set", "data.weights=''")

    def test_training_loss(self):
        """Where nothing is learned, that of the training rows, over steps that are not alike."""
        self.data(weights=self.w)
        config = self.config(optimizer={"sgd": {"lr": 0}}, class_weights="balanced",
                             batch={"size": 36, "lanes": 4})
        for ranks in (1, 3):
            self.train("--overwrite", config=config, ranks=ranks)
            got = experiments.metrics(self.run_dir)[-1]["train_loss"]
            self.assertAlmostEqual(got, self.evaluate("--split", "train")["loss"], delta=CLOSE)

    def test_weights_belong_to_the_data_and_to_the_model(self):
        """Of another file its own rows' weights count, and the classes' of the training."""
        self.data(weights=self.w)
        self.train(config=self.config(class_weights="balanced", batch={"size": 20, "lanes": 4}))
        other = self.data("other.h5", split=None, y=(self.y + 1) % 3)
        p = self.probabilities(other)
        counts = np.bincount(self.y[self.split == 0])
        w = (len(self.y[self.split == 0]) / (3 * counts))[(self.y + 1) % 3]
        losses = -np.log(p[np.arange(len(p)), (self.y + 1) % 3])
        self.assertAlmostEqual(self.evaluate("--data", other)["loss"], np.average(losses, weights=w),
                               delta=CLOSE)

    def test_checkpoint_of_before_there_were_weights(self):
        """In the state of one that was made inside an epoch each row weighs 1: a run goes on with it."""
        self.data()
        config = self.config(checkpoint={"every_steps": 3, "keep": 99}, train={"epochs": 2})
        self.train(config=config)
        want = experiments.metrics(self.run_dir)
        checkpoints = self.path("run", "checkpoints")
        for name in os.listdir(checkpoints):
            if name != "step-0000000003.h5":
                os.remove(os.path.join(checkpoints, name))
        with experiments.edit_checkpoint(os.path.join(checkpoints, "step-0000000003.h5")) as f:
            self.assertEqual(f["state"].attrs["train_weight"], 36)
            del f["state"].attrs["train_weight"]
        self.train("--resume", config=config)
        self.assertEqual(experiments.metrics(self.run_dir), want)

    def full_batch(self, name, weights, **arrays):
        """The weights after some steps over all rows."""
        with h5py.File(self.data(name, split=None, weights=weights, **arrays)) as f:
            n = len(f["y"])
        config = self.config(optimizer={"sgd": {"lr": 0.1, "momentum": 0.5}}, seed=4,
                             data={"file": name, "split": {"train": 1.0}},
                             model=[dense(8), "tanh", dense(3)],
                             batch={"size": n, "lanes": 1}, train={"epochs": 12})
        self.train("--overwrite", config=config)
        with h5py.File(f"{self.run_dir}/checkpoints/last.h5") as f:
            return np.concatenate([f["model"][layer][a][()].ravel() for layer in f["model"]
                                   for a in f["model"][layer]])

    def test_a_weight_is_a_number_of_copies(self):
        """Weight 3 is three rows, weight 0 none; only how many times one weighs as much as another
        counts. To what float32 sums in another order leave, some 1e-7."""
        times = experiments.integers(len(self.y), 8, 4)
        rows = np.repeat(np.arange(len(self.y)), times)
        want = self.full_batch("copies.h5", None, X=self.x[rows].astype("f4"), y=self.y[rows])
        got = self.full_batch("weights.h5", times.astype("f4"))
        np.testing.assert_allclose(got, want, atol=2e-6)
        got = self.full_batch("scaled.h5", times * 7)
        np.testing.assert_allclose(got, want, atol=2e-6)
        equal = self.full_batch("equal.h5", np.full(len(self.y), 2.0))
        np.testing.assert_array_equal(equal, self.full_batch("none.h5", None))
        self.assertGreater(np.abs(equal - want).max(), 1e-3)

    def test_steps_without_weight(self):
        """A step whose rows all weigh 0 changes nothing."""
        self.data(weights=np.where(np.arange(len(self.y)) < 30, 1, 0))
        for ranks in (1, 2):
            self.train("--overwrite", config=self.config(
                optimizer={"sgd": {"lr": 0.1}}, batch={"size": 2, "lanes": 2},
                data={"block_rows": 4, "shuffle_window": 4}, train={"epochs": 2}), ranks=ranks)
            for line in experiments.metrics(self.run_dir):
                self.assertTrue(np.isfinite(line["train_loss"]))

    def test_balanced_sampling_finds_small_classes(self):
        """A model of biases alone learns how frequent the classes are that it is shown."""
        self.x = np.zeros_like(self.x)
        self.data()
        shares = {}
        for sampling in ("shuffle", "balanced"):
            self.train("--overwrite", config=self.config(
                optimizer={"sgd": {"lr": 0.1}}, batch={"size": 24, "lanes": 4, "sampling": sampling},
                data={"block_rows": 2}, train={"epochs": 60}))
            shares[sampling] = self.probabilities(self.path("d.h5"))[0]
        train = self.y[self.split == 0]
        # A step is 24 draws and moves the biases by a tenth: they stray by about 0.1.
        np.testing.assert_allclose(shares["shuffle"], np.bincount(train) / len(train), atol=0.1)
        np.testing.assert_allclose(shares["balanced"], np.full(3, 1 / 3), atol=0.1)

    # ---- what is said and refused ----

    def test_what_is_said(self):
        self.data(weights=self.w, classes=["a", "b", "c"])
        r = self.train("--set", "class_weights=[1, 2, 0.5]", "--set", "batch.sampling=balanced")
        self.assertIn("its rows count in the loss as /weights says", r.err)
        self.assertIn("class weights: a 1, b 2, c 0.5", r.err)
        r = self.train("--set", "class_weights=balanced", "--set", "batch.sampling=balanced",
                       "--overwrite")
        self.assertIn("warning: class_weights and batch.sampling are both balanced", r.err)
        out = self.ok("inspect", self.path("d.h5")).out
        self.assertIn(f"weights   0 to 2, mean {self.w.mean():.6g}\n", out)
        facts = json.loads(self.ok("inspect", self.path("d.h5"), "--json").out)
        self.assertEqual((facts["weights"]["min"], facts["weights"]["max"]), (0, 2))

    def test_class_weights_that_do_not_fit(self):
        self.data()
        for value, says in (("[1, 2]", ["class_weights: 2 weights are given", "3 classes", "hint:"]),
                            ("[1, 2, -1]", ["class_weights: -1 is out of bounds"]),
                            ("balancd", ["a list of numbers", "or balanced", "did you mean 'balanced'?"]),
                            ("2", ["a list of numbers, as in [1, 2], or balanced, got '2'"])):
            with self.subTest(value=value):
                self.no_training(2, says, "--set", f"class_weights={value}")
        self.no_training(3, ["the rows of the train part all weigh 0", "hint:"], "--set",
                         "class_weights=[0, 0, 0]")
        experiments.values(self.path("d.h5"), 60, 6, 3)
        for setting, says in (("class_weights=balanced", ["class_weights: the dataset has no classes",
                                                          "data.weights"]),
                              ("batch.sampling=balanced", ["batch.sampling: balanced draws rows by "
                                                           "their class", "shuffle"])):
            self.no_training(2, says, "--set", setting, "--set", "loss=mse")

    def test_sample_weights_that_are_none(self):
        for value, says in ((-1, "/weights: row 17: -1 is no weight"),
                            (np.nan, "/weights: row 17: nan is no weight"),
                            (1e39, "/weights: row 17: inf is no weight")):
            w = self.w.astype("f8")
            w[17] = value
            self.no_training(3, [self.data(weights=w), says, "hint:"])
            self.train("--set", "data.weights=''", "--overwrite")
            shutil.rmtree(self.run_dir)
        self.no_training(3, [self.data(weights=self.w * 0), "/weights: all weights are 0"])
        self.data(weights=np.where(self.split == 1, 0, 1))
        self.no_training(3, ["the rows of the val part all weigh 0"])
        self.data(weights=self.w[:100])
        self.no_training(3, ["/weights has 100 entries, but there are 240 samples"])
        self.no_training(3, [self.data(), "it has no array /count", "data.weights"], "--set",
                         "data.weights=/count")

    def test_balanced_sampling_is_of_rows_in_memory(self):
        self.data()
        balanced = ("--set", "batch.sampling=balanced")
        self.no_training(2, ["batch.sampling: balanced", "data.memory is stream", "resident"], *balanced,
                         "--set", "data.memory=stream")
        self.no_training(2, ["batch.sampling: balanced", "data.memory_limit", "hint:"], *balanced,
                         "--set", "data.memory_limit=1.0e-9")
        self.train(*balanced, "--set", "data.memory_limit=1.0e-9", "--set", "data.memory=resident")

    # ---- counts ----

    def test_counts(self):
        """Predictions are exp of the outputs, and metrics are of these."""
        y = np.stack([self.y, 2 * self.y + 1], axis=1).astype("f4")
        data = self.data(y=y)
        for loss in ("poisson_nll", {"negative_binomial_nll": {"dispersion": 0.3}}):
            self.train("--overwrite", config=self.config(
                model=[dense(2)], loss=loss, optimizer={"adam": 0.01}, train={"epochs": 4}))
            with h5py.File(f"{self.run_dir}/checkpoints/best.h5") as f:
                layer = f["model/0_dense"]
                z = self.x @ layer["weight"][()].T.astype("f8") + layer["bias"][()]
            self.ok("predict", self.run_dir, "--data", data, "-o", self.path("p.csv"))
            with open(self.path("p.csv"), encoding="utf-8") as f:
                rows = list(csv.reader(f))[1:]
            p = np.array([row[-2:] for row in rows], "f8")
            np.testing.assert_allclose(p, np.exp(z), rtol=1e-5)
            got = self.evaluate("--data", data)
            self.assertAlmostEqual(got["mse"] / ((np.exp(z) - y) ** 2).mean(), 1, delta=1e-5)
            self.assertAlmostEqual(got["mae"] / np.abs(np.exp(z) - y).mean(), 1, delta=1e-5)
            if loss == "poisson_nll":
                self.assertAlmostEqual(got["loss"] / (np.exp(z) - y * z).mean(), 1, delta=1e-5)

    def test_targets_that_are_no_counts(self):
        y = np.stack([self.y, self.y], axis=1).astype("f4")
        y[31, 1] = -2
        data = self.data(y=y)
        for loss in ("poisson_nll", "{negative_binomial_nll: 1}"):
            self.no_training(3, [data, "/y: row 31, column 1: -2, but", "takes targets from 0 on"],
                             "--set", f"loss={loss}", "--set", "model=[dense: 2]")
        self.data()
        self.no_training(2, ["poisson_nll wants float targets", "stored as floats"], "--set",
                         "loss=poisson_nll")


if __name__ == "__main__":
    lockstep_test.main()

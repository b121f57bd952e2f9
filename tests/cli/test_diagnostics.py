"""What training tells of itself: norms of every layer, dead units, over-fitting, and warnings.

# timeout: 200
# processors: 2
"""
import glob
import json

import h5py
import numpy as np

import lockstep_test

ROWS, INPUTS = 240, 12


def rows_of(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


class Diagnostics(lockstep_test.TestCase):
    def setUp(self):
        super().setUp()
        random = np.random.default_rng(2)
        self.x = random.normal(size=(ROWS, INPUTS)).astype("f4")
        self.random = random
        self.data(self.x[:, :3].argmax(1))

    def data(self, y):
        with h5py.File(self.path("d.h5"), "w") as f:
            f["X"], f["y"] = self.x, y
            f["split"] = np.where(np.arange(ROWS) % 3 == 2, 1, 0).astype("u1")

    def train(self, text, ranks=0, run="run"):
        """(the lines of metrics.jsonl, stderr)"""
        config = self.write("c.yaml", "data: {file: d.h5, block_rows: 4}\n"
                                      "loss: softmax_cross_entropy\n" + text)
        r = self.ok("train", config, "--run-dir", self.path(run), "--overwrite", ranks=ranks)
        return rows_of(self.path(run, "metrics.jsonl")), r.err

    @staticmethod
    def dense(layers, activation, init):
        lines = [f"  - dense: {{units: 20, init: {init}}}\n  - {activation}\n"] * layers
        return "model:\n" + "".join(lines) + "  - dense: {units: 3}\n"

    def test_norms(self):
        """Of sgd's step they follow from the weights before and after: w - lr g. Told are four digits;
        the difference of weights of float32 is known to some 1e-4 of itself."""
        text = ("model: [dense: {units: 30}, tanh, dense: {units: 3}]\noptimizer: {sgd: 0.5}\n"
                "batch: {size: 160, lanes: 8}\ntrain: {epochs: 3}\ncheckpoint: {keep: 99}\n")
        for strategy, clip in (("data", ""), ("features", ""), ("data", "clip: {norm: 100}\n")):
            told = []
            for ranks in (1, 3):
                lines, _ = self.train(f"{text}parallel: {{strategy: {strategy}}}\n{clip}", ranks)
                told.append([line["layers"] for line in lines])
                weights = []
                for path in sorted(glob.glob(self.path("run", "checkpoints", "step-*.h5"))) + [
                        self.path("run", "checkpoints", "last.h5")]:
                    with h5py.File(path, "r") as f:
                        weights.append({n: f[f"model/{n}"][...] for n in lines[0]["layers"]})
                self.assertEqual(len(weights), 3)
                for before, after, line in zip(weights, weights[1:], lines[1:]):
                    for name, about in line["layers"].items():
                        size = np.linalg.norm(before[name].astype("f8"))
                        change = np.linalg.norm(after[name].astype("f8") - before[name])
                        self.assertAlmostEqual(about["weight_norm"] / size, 1, delta=1e-3)
                        self.assertAlmostEqual(about["update_ratio"] / (change / size), 1, delta=2e-3)
                        self.assertAlmostEqual(about["gradient_norm"] / (change / 0.5), 1, delta=2e-3)
            self.assertEqual(told[0], told[1], strategy)

    def test_vanishing(self):
        """A factor of at most a quarter a sigmoid."""
        text = "optimizer: {sgd: 0.1}\nbatch: {size: 32}\ntrain: {epochs: 2}\n"
        _, err = self.train(self.dense(20, "sigmoid", "xavier_normal") + text)
        self.assertEqual(err.count("the gradient vanishes on its way to the input: that of "
                                   "0_dense/weight"), 1, err)
        _, err = self.train(self.dense(20, "relu", "he_normal") + text)
        self.assertNotIn("vanishes", err)

    def test_exploding(self):
        """Sums of 20 units times weights of deviation 1 saturate tanh, but for a tenth of the units:
        squares of gradients grow by a factor of some 2 a layer."""
        text = "optimizer: {sgd: 1.0e-9}\nbatch: {size: 32}\ntrain: {epochs: 1}\n"
        _, err = self.train(self.dense(60, "tanh", "{normal: 1}") + text)
        self.assertIn("the gradient explodes on its way to the input: that of", err)

    def test_dead_units(self):
        """Biases far below 0: nothing comes through. Counted over the rows of all ranks."""
        text = ("model: [dense: {units: 20, bias_init: {values: "
                f"{[-100.0] * 15 + [1.0] * 5}}}}}, relu, dense: {{units: 3}}]\n"
                "optimizer: {sgd: 0.01}\nbatch: {size: 32}\ntrain: {epochs: 1}\n")
        for ranks in (1, 2):
            lines, err = self.train(text, ranks)
            self.assertEqual(lines[0]["dead_units"], {"1_relu": 0.75})
            self.assertEqual(err.count("75% of the units of 1_relu give 0"), 1, err)

    def test_overfitting(self):
        """Labels by chance can be learned by heart only."""
        self.data(self.random.integers(3, size=ROWS))
        text = ("model: [dense: {units: 200}, relu, dense: {units: 3}]\noptimizer: {adam: 0.01}\n"
                "batch: {size: 32}\ntrain: {epochs: 12}\n")
        lines, err = self.train(text)
        self.assertEqual(err.count("over-fitting: for 3 epochs"), 1, err)
        rising = 0
        for before, line in zip(lines, lines[1:]):
            worse = line["val_loss"] > before["val_loss"] and line["train_loss"] < before["train_loss"]
            rising = rising + 1 if worse else 0
            self.assertEqual(line["overfitting"], rising >= 3, line["epoch"])
        self.assertTrue(lines[-1]["overfitting"])
        config = self.path("c.yaml")
        self.ok("train", config, "--run-dir", self.path("again"), "--set", "train.epochs=6")
        self.ok("train", config, "--run-dir", self.path("again"), "--resume", ranks=2)
        self.assertEqual([line["overfitting"] for line in rows_of(self.path("again", "metrics.jsonl"))],
                         [line["overfitting"] for line in lines])

    def test_divergence(self):
        """A learning rate beyond what a quadratic bowl bears: every step goes further."""
        with h5py.File(self.path("d.h5"), "a") as f:
            del f["y"]
            f["y"] = self.x[:, 0]
        config = self.write("v.yaml", "data: {file: d.h5, block_rows: 4}\nmodel: [dense: {units: 1}]\n"
                                      "loss: mse\noptimizer: {sgd: 1.2}\nbatch: {size: 160}\n"
                                      "train: {epochs: 12}\n")
        r = self.ok("train", config, "--run-dir", self.path("v"))
        self.assertEqual(r.err.count("training diverges: its loss is"), 1, r.err)


if __name__ == "__main__":
    lockstep_test.main()

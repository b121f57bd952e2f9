"""Backpropagation by hand: configs/examples/backprop-squared-error.yaml and backprop-cross-entropy.yaml.

The numbers are those of classic exercises, worked out on paper. Weights below 1 in float32 are off by
up to 3e-8 each, so a gradient that is their difference by 6e-8 at a learning rate of 1.
"""
import csv

import numpy as np

import lockstep_test
from worked_examples import Example


class SquaredError(Example):
    GIVEN = {"0_dense/weight": [[0.14, 0.19], [0.24, 0.29]], "2_dense/weight": [[0.35, 0.40]]}

    def test_one_step(self):
        self.follow("backprop-squared-error")
        error = self.epochs("backprop-squared-error")[0]["train_loss"]
        self.assertAlmostEqual(error, 0.122119, delta=6e-7)  # the digits that are given
        self.assertAlmostEqual(0.1 + (2 * error) ** 0.5, 0.594205, delta=1e-6)
        after = self.weights("backprop-squared-error")
        self.assertEqual(set(after), set(self.GIVEN))
        gradient = {name: np.array(first) - after[name] for name, first in self.GIVEN.items()}
        # dE/dw5 = dE/dout dout/dnet dnet/dw5, and dnet/dw5 is out_h1. One course multiplies by w5
        # instead and prints 0.04.
        np.testing.assert_allclose(gradient["2_dense/weight"], [[0.060357, 0.060804]], atol=6e-7)
        np.testing.assert_allclose(gradient["0_dense/weight"],
                                   [[0.00052126, 0.00104252], [0.00059558, 0.00119115]], atol=6e-8)

    def test_by_formula(self):
        """The same with the formulas of backpropagation, in float64."""
        def sigmoid(z):
            return 1 / (1 + np.exp(-z))

        self.follow("backprop-squared-error")
        x, w, v = np.array([0.05, 0.10]), *map(np.array, self.GIVEN.values())
        h = sigmoid(w @ x)
        out = sigmoid(v @ h)
        # Two digits are given, some of them cut and not rounded.
        np.testing.assert_allclose(
            np.concatenate([w @ x, h, out, (out - 0.1) ** 2 / 2, out - 0.1, out * (1 - out)]),
            [0.026, 0.041, 0.50, 0.51, 0.59, 0.12, 0.49, 0.24], atol=0.007)
        delta = (out - 0.1) * out * (1 - out)
        hidden = delta * v[0] * h * (1 - h)
        after = self.weights("backprop-squared-error")
        np.testing.assert_allclose(v - after["2_dense/weight"], delta * h[None], atol=6e-8)
        np.testing.assert_allclose(w - after["0_dense/weight"], np.outer(hidden, x), atol=6e-8)


class CrossEntropy(Example):
    OUTPUTS = [0.521, 0.648, 0.758, 0.836, 0.881, 0.908, 0.925]  # before the first step and after each
    PRINTED = 0.0015  # their digits are cut here and there

    def test_six_steps(self):
        self.follow("backprop-cross-entropy")
        losses = [line["train_loss"] for line in self.epochs("backprop-cross-entropy")]
        np.testing.assert_allclose(np.exp(-np.array(losses)), self.OUTPUTS[:6], atol=self.PRINTED)
        self.assertAlmostEqual(losses[0], 0.652, delta=self.PRINTED)
        self.assertAlmostEqual(self.predicted("runs/backprop-cross-entropy"), self.OUTPUTS[6],
                               delta=self.PRINTED)
        with open(self.path("data", "backprop-cross-entropy-output.csv"), encoding="utf-8") as f:
            self.assertEqual(float(f.read().split(",")[-1]),
                             self.predicted("runs/backprop-cross-entropy"))

    def test_outputs_of_every_step(self):
        self.follow("backprop-cross-entropy")
        folder = "runs/backprop-cross-entropy/checkpoints"
        for step, output in enumerate(self.OUTPUTS[1:], 1):
            name = f"step-{step:010}.h5" if step < 6 else "last.h5"
            self.assertAlmostEqual(self.predicted(f"{folder}/{name}"), output, delta=self.PRINTED)

    def test_first_gradients(self):
        self.follow("backprop-cross-entropy")
        after = self.weights("backprop-cross-entropy", "step-0000000001.h5")
        first = {"2_dense/weight": [0.088, 0.171, 0.005, -0.040], "2_dense/bias": [0]}
        wanted = {"2_dense/weight": [-0.405, -0.063, -0.169, -0.181], "2_dense/bias": [-0.479]}
        for name, values in first.items():
            gradient = (np.array(values) - after[name].ravel()) / 0.5
            np.testing.assert_allclose(gradient, wanted[name], atol=self.PRINTED)

    def predicted(self, what):
        self.ok("predict", self.path(what), "--data", self.path("data/backprop-cross-entropy.h5"),
                "-o", self.path("p.csv"))
        with open(self.path("p.csv"), newline="", encoding="utf-8") as f:
            return float(list(csv.reader(f))[1][-1])


if __name__ == "__main__":
    lockstep_test.main()

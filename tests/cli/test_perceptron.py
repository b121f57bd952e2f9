"""The perceptron: a dense layer, a threshold, and `mse: 0.5` train by Rosenblatt's rule.

The rule is computed here by hand, w += lr (t - y) x and b += lr (t - y) for each sample in the order
in which lockstep takes them (tests/support/sampler.py). Inputs are multiples of 1/16, the learning rate
is 1/2 and a step has 1 or 8 samples, so every number is exact in float32 and the weights must be equal,
not close.
"""
import h5py
import numpy as np

import experiments
import lockstep_test
from experiments import dense
from sampler import Sampler

SAMPLES, INPUTS, EPOCHS, SEED, LR = 150, 7, 3, 9, 0.5
BLOCK, WINDOW = 5, 20


class Perceptron(lockstep_test.TestCase):
    def setUp(self):
        super().setUp()
        self.x = experiments.matrix(SAMPLES, INPUTS, 3) - 2
        self.y = (self.x @ [1, -2, 0.5, 0, 3, -1, 0.25] > 0.5).astype("f4")
        experiments.write(self.path("d.h5"), {"X": self.x, "y": self.y[:, None]})

    def config(self, batch, layers=None, **changes):
        return experiments.write_config(self.path("c.yaml"), {
            "seed": SEED, "data": {"file": "d.h5", "split": {"train": 1.0}, "block_rows": BLOCK,
                                   "shuffle_window": WINDOW},
            "model": layers or [dense(1, init="zeros"), "threshold"], "loss": {"mse": 0.5},
            "optimizer": {"sgd": {"lr": LR}}, "batch": {"size": batch, "last": "drop"},
            "train": {"epochs": EPOCHS}, **changes})

    def lockstep(self, config, *args, **options):
        """Weights and bias after training, and the loss of the last epoch."""
        self.ok("train", config, "--run-dir", self.path("run"), "--overwrite", *args, **options)
        with h5py.File(self.path("run", "checkpoints", "last.h5"), "r") as f:
            return (f["model/0_dense/weight"][0], f["model/0_dense/bias"][0],
                    experiments.metrics(self.path("run"))[-1]["train_loss"])

    def by_hand(self, size, lanes, epochs=EPOCHS):
        """The mean of the rule over the samples of a full step. Gives the mistakes of the last epoch,
        too."""
        w, b = np.zeros(INPUTS), 0.0
        sampler = Sampler(SAMPLES, size, lanes, BLOCK, WINDOW, SEED)
        for epoch in range(epochs):
            mistakes = 0
            for rows in (r for r in sampler.epoch(epoch) if len(r) == size):
                out = (self.x[rows] @ w + b >= 0).astype(float)
                error = self.y[rows] - out
                w = w + LR * error @ self.x[rows] / len(rows)
                b = b + LR * error.mean()
                mistakes += np.abs(error).sum()
        return w, b, mistakes

    def test_one_sample_a_step(self):
        w, b, mistakes = self.by_hand(1, 1)
        got_w, got_b, loss = self.lockstep(self.config(1))
        self.assertGreater(mistakes, 0)
        self.assertGreater(np.abs(w).max(), 1)
        np.testing.assert_array_equal(got_w, w)
        self.assertEqual(got_b, b)
        self.assertAlmostEqual(loss, 0.5 * mistakes / SAMPLES, places=9)

    def test_several_samples_a_step(self):
        w, b, mistakes = self.by_hand(8, 8)
        self.assertGreater(mistakes, 0)
        for ranks in (1, 3):
            got_w, got_b, _ = self.lockstep(self.config(8), ranks=ranks)
            np.testing.assert_array_equal(got_w, w)
            self.assertEqual(got_b, b)

    def test_it_ends_where_classes_can_be_parted(self):
        """Novikoff 1962: after some mistakes there are none."""
        epochs = next(n for n in range(1, 200) if self.by_hand(1, 1, n)[2] == 0)
        _, _, loss = self.lockstep(self.config(1), "--set", f"train.epochs={epochs}")
        self.assertEqual(loss, 0)

    def test_predictions_are_zero_or_one(self):
        w, b, _ = self.lockstep(self.config(1))
        self.ok("predict", self.path("run", "checkpoints", "last.h5"), "--data", self.path("d.h5"),
                "-o", self.path("p.csv"))
        with open(self.path("p.csv"), encoding="utf-8") as f:
            found = [float(line.rsplit(",", 1)[1]) for line in f.readlines()[1:]]
        np.testing.assert_array_equal(found, self.x @ w + b >= 0)

    def test_refusals(self):
        for layers, loss, says in (
                ([dense(4), "threshold", dense(1)], "mse",
                 ["model.1: threshold has no gradient: no layer before it would learn", "hint: use it"]),
                ([dense(1), "threshold"], "binary_cross_entropy",
                 ["threshold gives 0 or 1, but binary_cross_entropy takes logits", "mse: 0.5"])):
            self.fails(2, "train", self.config(1, layers, loss=loss), "--run-dir", self.path("no"),
                       says=says, ranks=(1,))

    def test_inputs_may_be_cut(self):
        """Nothing is trained before it there: a step on the inputs, then a network."""
        config = self.config(8, [{"threshold": 0.5}, dense(4), "tanh", dense(1)])
        self.ok("train", config, "--run-dir", self.path("run"))


if __name__ == "__main__":
    lockstep_test.main()

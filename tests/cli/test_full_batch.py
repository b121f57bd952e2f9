"""batch.size: all: every training row in every step, whatever lanes and ranks.

# timeout: 100
# processors: 2
"""
import json

import h5py
import numpy as np

import experiments
import lockstep_test
from experiments import dense

ROWS = 117  # 78 train: 10 blocks of 8 for 8 lanes, the last of them short


class FullBatch(lockstep_test.TestCase):
    def setUp(self):
        super().setUp()
        self.x, self.y = experiments.matrix(ROWS, 5, 1), experiments.matrix(ROWS, 1, 2)[:, 0]
        self.part = np.arange(ROWS) % 3 == 2
        experiments.write(self.path("d.h5"), {"X": self.x, "y": self.y,
                                              "split": self.part.astype("u1")})

    def config(self, **batch):
        return experiments.write_config(self.path("c.yaml"), {
            "data": {"file": "d.h5", "block_rows": 8, "transform": ["standardize"]},
            "model": [dense(1, init="zeros")], "loss": "mse", "optimizer": {"sgd": 0.1},
            "batch": {"size": "all", **batch}, "train": {"epochs": 4}})

    def train(self, config, *more, ranks=0, code=0):
        r = lockstep_test.run("train", config, "--run-dir", self.path("run"), *more, ranks=ranks)
        self.assertEqual(r.code, code, repr(r))
        return r

    def weights(self):
        with h5py.File(self.path("run", "checkpoints", "last.h5"), "r") as f:
            return f["model/0_dense/weight"][0], f["model/0_dense/bias"][0]

    def test_descent(self):
        """Four steps by the formula, in float64: float32 keeps 1e-5 of numbers of about 1."""
        x = self.x[~self.part].astype("f8")
        y = self.y[~self.part]
        x = (x - x.mean(0)) / x.std(0)
        w, b = np.zeros(5), 0.0
        for _ in range(4):
            d = 2 * (x @ w + b - y) / len(y)
            w, b = w - 0.1 * d @ x, b - 0.1 * d.sum()
        hashes = set()
        for lanes in ({}, {"lanes": 1}, {"lanes": 3}):
            config = self.config(**lanes)
            for ranks in (1, 2, 5) if lanes == {} else (1,):
                self.train(config, "--overwrite", ranks=ranks)
                got = self.weights()
                np.testing.assert_allclose(got[0], w, atol=1e-5)
                self.assertAlmostEqual(got[1], b, delta=1e-5)
                with open(self.path("run", "metrics.jsonl"), encoding="utf-8") as f:
                    self.assertEqual([json.loads(line)["step"] for line in f], [1, 2, 3, 4])
                if lanes == {}:
                    hashes.add(self.ok("inspect", self.path("run"), "--hash").out)
        self.assertEqual(len(hashes), 1)

    def test_resume(self):
        config = self.config(last="drop")
        self.train(config, "--overwrite")
        straight = self.ok("inspect", self.path("run"), "--hash").out
        self.train(config, "--overwrite", "--set", "train.epochs=2")
        self.train(config, "--resume", ranks=3)
        self.assertEqual(self.ok("inspect", self.path("run"), "--hash").out, straight)
        with open(self.path("run", "config.yaml"), encoding="utf-8") as f:
            self.assertIn("size: all", f.read())
        self.assertIn("4 epochs", self.ok("train", config, "--dry-run", "--run-dir",
                                          self.path("dry")).out)

    def test_more_ranks_than_lanes(self):
        r = self.train(self.config(lanes=2), "--overwrite", ranks=3, code=2)
        self.assertIn("set batch.lanes to at least 3", r.err)


if __name__ == "__main__":
    lockstep_test.main()

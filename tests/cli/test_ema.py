"""train.ema: the exponential moving average of the weights, which validation and evaluation take.

# timeout: 150
# processors: 2
"""
import glob
import json

import h5py
import numpy as np

import experiments
import lockstep_test
from experiments import dense

ROWS, DECAY = 90, 0.75


class Mean(lockstep_test.TestCase):
    def setUp(self):
        super().setUp()
        experiments.classes(self.path("d.h5"), ROWS, 11, 3)

    def config(self, **changes):
        return experiments.write_config(self.path("c.yaml"), {
            "data": {"file": "d.h5", "block_rows": 4, "split": {"train": 0.8, "val": 0.2}},
            "model": [dense(8), "batch_norm", "relu", dense(8, frozen=True), "tanh", dense(3)],
            "loss": "softmax_cross_entropy", "optimizer": {"adam": 0.05},
            "batch": {"size": "all"}, "train": {"epochs": 5, "ema": DECAY},
            "checkpoint": {"keep": 99}, **changes})

    def checkpoints(self, run):
        """[{name: (weights, their mean)}] after each step."""
        found = []
        for path in sorted(glob.glob(self.path(run, "checkpoints", "step-*.h5"))) + [
                self.path(run, "checkpoints", "last.h5")]:
            with h5py.File(path, "r") as f:
                found.append({})
                f["model"].visititems(lambda name, d, f=f: found[-1].update(
                    {name: (d[...].astype("f8"), f[f"optimizer/ema/{name}"][...])})
                    if isinstance(d, h5py.Dataset) else None)
        return found

    def losses(self, run):
        with open(self.path(run, "metrics.jsonl"), encoding="utf-8") as f:
            return [json.loads(line)["val_loss"] for line in f]

    def test_recursion(self):
        """Five roundings of numbers of about 1: 1e-6."""
        for changes in ({}, {"parallel": {"strategy": "features"}}, {"clip": {"norm": 0.1}}):
            told = set()
            for ranks in (1, 3):
                self.ok("train", self.config(**changes), "--run-dir", self.path("run"),
                        "--overwrite", ranks=ranks)
                steps = self.checkpoints("run")
                self.assertEqual(len(steps), 5)
                wanted = {name: w for name, (w, _) in steps[0].items()}
                for i, step in enumerate(steps):
                    for name, (w, mean) in step.items():
                        if i > 0:
                            wanted[name] = DECAY * wanted[name] + (1 - DECAY) * w
                        if "running" in name or "3_dense" in name:
                            wanted[name] = w
                        np.testing.assert_allclose(mean, wanted[name], atol=1e-6, err_msg=name)
                told.add((self.ok("inspect", self.path("run"), "--hash").out,
                          tuple(self.losses("run"))))
            self.assertEqual(len(told), 1, changes)

    def test_validation_and_evaluation(self):
        """Both are by the mean; without it the loss is another."""
        config = self.config()
        self.ok("train", config, "--run-dir", self.path("run"), ranks=2)
        last = self.path("run", "checkpoints", "last.h5")
        r = self.ok("evaluate", last, "--split", "val", "--json", ranks=2)
        self.assertAlmostEqual(json.loads(r.out)["loss"], self.losses("run")[-1], delta=1e-7)
        self.ok("train", config, "--run-dir", self.path("plain"), "--set", "train.ema=null")
        self.assertGreater(abs(self.losses("plain")[-1] - self.losses("run")[-1]), 1e-3)
        self.assertEqual(self.ok("inspect", last, "--hash").out,  # the weights are trained alike
                         self.ok("inspect", self.path("plain", "checkpoints", "last.h5"), "--hash").out)

    def test_resume(self):
        config = self.config()
        self.ok("train", config, "--run-dir", self.path("run"))
        self.ok("train", config, "--run-dir", self.path("again"), "--set", "train.epochs=2", ranks=3)
        self.ok("train", config, "--run-dir", self.path("again"), "--resume", ranks=2)
        self.assertEqual(self.losses("again"), self.losses("run"))
        for (a, b) in zip(self.checkpoints("run")[-1].values(), self.checkpoints("again")[-1].values()):
            np.testing.assert_array_equal(a[1], b[1])


if __name__ == "__main__":
    lockstep_test.main()

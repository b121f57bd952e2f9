"""Runs of a small dataset, and what their directories hold."""
import h5py
import numpy as np

import experiments
import lockstep_test
from experiments import dense


class TestCase(lockstep_test.TestCase):
    def train(self, config, *args, run_dir="run", **options):
        return self.ok("train", config, "--run-dir", self.path(run_dir), *args, **options)

    def small(self, name="c.yaml", samples=90, **changes):
        """Three classes, 60 training rows, 30 validation rows: 5 steps an epoch."""
        experiments.classes(self.path("d.h5"), samples, 6, 3,
                            {"split": (np.arange(samples) // 3 % 3 == 2).astype("u1")})
        return experiments.write_config(self.path(name), {
            "model": [dense(3)], "loss": "softmax_cross_entropy",
            "batch": {"size": 12, "lanes": 4}, "train": {"epochs": 3}, **changes,
            "data": {"file": "d.h5", "block_rows": 5, **changes.get("data", {})}})

    def text(self, *path):
        with open(self.path(*path), encoding="utf-8") as f:
            return f.read()

    def state(self, name, run_dir="run"):
        with h5py.File(self.path(run_dir, "checkpoints", name), "r") as f:
            return {k: v.item() for k, v in f["state"].attrs.items()}

    def weights(self, name, run_dir="run"):
        found = experiments.contents(self.path(run_dir, "checkpoints", name))
        return {k: v for k, v in found.items() if k.startswith("model/")}

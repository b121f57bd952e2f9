"""Tests of what lockstep refuses: a small dataset, a config for it, and calls that must fail."""
import os

import experiments
import lockstep_test

RANKS = (1, 3)


class TestCase(lockstep_test.TestCase):
    def setUp(self):
        super().setUp()
        self.run_dir = self.path("run")

    def dataset(self, samples=60, **arrays):
        return experiments.classes(self.path("d.h5"), samples, 6, 3, arrays)

    def config(self, **changes):
        config = {"model": [experiments.dense(3)],
                  "loss": "softmax_cross_entropy", "batch": {"size": 12, "lanes": 4},
                  "train": {"epochs": 1}, **changes}
        config["data"] = {"file": "d.h5", **config.get("data", {})}
        return experiments.write_config(self.path("c.yaml"), config)

    def files(self):
        return sorted(os.path.join(d, f) for d, _, names in os.walk(self.dir) for f in names)

    def refused(self, code, says, *args, ranks=RANKS, **options):
        """The call fails as told and leaves every file as it was."""
        before = self.files()
        self.fails(code, *args, says=says, ranks=ranks, **options)
        self.assertEqual(before, self.files())

    def no_training(self, code, says, *args, config=None, ranks=RANKS):
        self.refused(code, says, "train", config or self.config(), "--run-dir", self.run_dir,
                     *args, ranks=ranks)
        self.assertFalse(os.path.exists(self.run_dir))

    def train(self, *args, config=None, **options):
        return self.ok("train", config or self.config(), "--run-dir", self.run_dir, *args,
                       **options)

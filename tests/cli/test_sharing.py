# processors: 2
# timeout: 300
"""Ranks of a machine that the system lets share no memory exchange by messages, to the same bits. What
parallel.sharing_ranks lets them share makes no difference either: test_matrix.py."""
import os

import experiments
import lockstep_test


class Sharing(lockstep_test.TestCase):
    def train(self, strategy, ranks, fault=None, shape=(40, 24), sharing=0, gemm="auto"):
        """The run, and its weights' hash; shape: inputs and units of the first layer."""
        inputs, units = shape
        config = {"data": {"file": experiments.classes(self.path("d.h5"), 128, inputs, 4)},
                  "model": [{"dropout": 0.2}, experiments.dense(units), "relu",
                            experiments.dense(4)],
                  "loss": "softmax_cross_entropy", "batch": {"size": 32, "lanes": 8},
                  "optimizer": "adam", "train": {"epochs": 2}, "compute": {"gemm": gemm},
                  "parallel": {"strategy": strategy, "sharing_ranks": sharing}}
        r = lockstep_test.run("train", experiments.write_config(self.path("c.yaml"), config),
                              "--run-dir", self.path("run"), "--overwrite", ranks=ranks,
                              env={"LOCKSTEP_FAULT": fault} if fault else None,
                              program=os.environ["LOCKSTEP_FAULTS"])
        self.assertEqual(r.code, 0, repr(r))
        hashed = lockstep_test.run("inspect", self.path("run"), "--hash")
        return r, hashed.out

    def test_without_shared_memory(self):
        """Its first rank cannot create what the ranks of the machine would share."""
        for strategy in ("data", "features"):
            want = self.train(strategy, 1)[1]
            with self.subTest(strategy=strategy):
                r, got = self.train(strategy, 3, "0:memfd_create:1+")
                self.assertEqual(got, want)
                self.assertEqual(r.err.count("the ranks exchange by messages"), 1, repr(r))
                self.assertIn("memory shared by processes", r.err)

    def test_wide_layers_go_in_panels(self):
        """1.4 million weights, in panels that are multiplied, sent and updated one by one."""
        for gemm in ("openblas", "auto"):
            want = self.train("data", 1, shape=(2000, 700), gemm=gemm)[1]
            for ranks, sharing in ((2, 1), (3, 1), (4, 2), (8, 3)):
                with self.subTest(gemm=gemm, ranks=ranks, sharing=sharing):
                    self.assertEqual(self.train("data", ranks, shape=(2000, 700), sharing=sharing,
                                                gemm=gemm)[1], want)


if __name__ == "__main__":
    lockstep_test.main()

"""The weights of all ranks are compared while training: a wrong bit on one rank ends the run."""
import os

import experiments
import lockstep_test


class WrongWeights(lockstep_test.TestCase):
    def train(self, every, fault=None, ranks=2):
        """8 steps; each rank gets some 38 kB of weights from the other in each."""
        config = {"data": {"file": experiments.classes(self.path("d.h5"), 256, 300, 4)},
                  "model": [experiments.dense(64), "relu", experiments.dense(4)],
                  "loss": "softmax_cross_entropy", "batch": {"size": 32}, "train": {"epochs": 1},
                  "parallel": {"check_every": every, "sharing_ranks": 1}}
        return lockstep_test.run("train", experiments.write_config(self.path("c.yaml"), config),
                                 "--run-dir", self.path("run"), "--overwrite", ranks=ranks,
                                 env={"LOCKSTEP_FAULT": fault} if fault else None,
                                 program=os.environ["LOCKSTEP_FAULTS"])

    def test_a_wrong_bit_is_found(self):
        for fault, step in (("1:wrong_weights:1", 2), ("1:wrong_weights:3", 4)):
            with self.subTest(fault=fault):
                r = self.train(1, fault)
                self.assertEqual(r.code, 1, repr(r))
                self.assertEqual(r.err.count("lockstep: error:"), 1, repr(r))
                self.assertIn(f"epoch 1, step {step}: the weights of rank 1 are not those of rank 0",
                              r.err)
                self.assertIn("--resume", r.err)

    def test_between_comparisons_it_is_not(self):
        """The same fault, and no step that compares after it: what finds it above is the guard."""
        r = self.train(1000000, "1:wrong_weights:1")
        self.assertEqual(r.code, 0, repr(r))

    def test_sound_ranks_go_on(self):
        for ranks in (1, 2, 3):
            r = self.train(1, ranks=ranks)
            self.assertEqual(r.code, 0, repr(r))


if __name__ == "__main__":
    lockstep_test.main()

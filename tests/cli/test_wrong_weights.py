"""The weights of all ranks are compared while training: a wrong bit on one rank ends the run."""
import os

import experiments
import lockstep_test


STEPS = 8


class WrongWeights(lockstep_test.TestCase):
    def train(self, every, fault=None, ranks=2, more=None):
        """STEPS steps; each rank gets some 38 kB of weights from the other in each."""
        config = {"data": {"file": experiments.classes(self.path("d.h5"), 256, 300, 4)},
                  "model": [experiments.dense(64), "relu", experiments.dense(4)],
                  "loss": "softmax_cross_entropy", "batch": {"size": 32}, "train": {"epochs": 1},
                  "parallel": {"check_every": every, "sharing_ranks": 1}, **(more or {})}
        return lockstep_test.run("train", experiments.write_config(self.path("c.yaml"), config),
                                 "--run-dir", self.path("run"), "--overwrite", ranks=ranks,
                                 env={"LOCKSTEP_FAULT": fault} if fault else None,
                                 program=os.environ["LOCKSTEP_FAULTS"])

    def is_found(self, r, place):
        self.assertEqual(r.code, 1, repr(r))
        self.assertEqual(r.err.count("lockstep: error:"), 1, repr(r))
        self.assertIn(f"{place}: the weights of rank 1 are not those of rank 0", r.err)
        self.assertIn("--resume", r.err)

    def test_a_wrong_bit_is_found_by_the_next_step(self):
        for count in (1, 3):
            with self.subTest(count=count):
                self.is_found(self.train(1, f"1:wrong_weights:{count}"),
                              f"epoch 1, after step {count}")

    def test_no_checkpoint_holds_it(self):
        """What comes in last is compared by no step."""
        for every in (1, 1000000):
            with self.subTest(every=every):
                self.is_found(self.train(every, f"1:wrong_weights:{STEPS}"), "after epoch 1")
                self.assertEqual(os.listdir(self.path("run/checkpoints")), [])

    def test_nor_one_inside_an_epoch(self):
        self.is_found(self.train(1000000, "1:wrong_weights:3",
                                 more={"checkpoint": {"every_steps": 3}}), "epoch 1, after step 3")
        self.assertEqual(os.listdir(self.path("run/checkpoints")), [])

    def test_sound_ranks_go_on(self):
        for ranks in (1, 2, 3):
            r = self.train(1, ranks=ranks)
            self.assertEqual(r.code, 0, repr(r))


if __name__ == "__main__":
    lockstep_test.main()

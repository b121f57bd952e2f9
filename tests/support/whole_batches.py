"""Trainings whose every batch, or group of batches, is the whole training set: another program needs
no order of rows to take the same steps.

Why here: several tests set lockstep's weights beside PyTorch's.
"""
import h5py
import numpy as np

import lockstep_test

ROWS, INPUTS, CLASSES = 60, 21, 4


def values(array):
    """An initialiser of given values."""
    return f"{{values: {[float(v) for v in array.ravel()]}}}"


class WholeBatches(lockstep_test.TestCase):
    """torch, and x, y (classes) in d.h5, all of which trains."""

    def setUp(self):
        super().setUp()
        self.torch = lockstep_test.need_module("torch")
        self.torch.set_num_threads(1)
        self.random = np.random.default_rng(3)
        self.x = self.random.normal(size=(ROWS, INPUTS)).astype("f4")
        self.y = (self.x[:, :CLASSES] + self.random.normal(size=(ROWS, CLASSES))).argmax(1)
        with h5py.File(self.path("d.h5"), "w") as f:
            f["X"], f["y"], f["split"] = self.x, self.y, np.zeros(ROWS, "u1")

    def some_weights(self, *shapes):
        return [(self.random.normal(size=shape) / 5).astype("f4") for shape in shapes]

    def train(self, lines, steps, ranks):
        """{name: weights} after so many steps, one an epoch."""
        config = self.write("c.yaml", "data: {file: d.h5, block_rows: 3}\n"
                                      f"loss: softmax_cross_entropy\ntrain: {{epochs: {steps}}}\n"
                                      f"{lines}\n")
        self.ok("train", config, "--run-dir", self.path("run"), "--overwrite", ranks=ranks)
        found = {}
        with h5py.File(self.path("run", "checkpoints", "last.h5"), "r") as f:
            self.assertEqual(f["state"].attrs["step"], steps)
            f["model"].visititems(lambda name, node: found.update({name: node[...]})
                                  if isinstance(node, h5py.Dataset) else None)
        return found

    def assert_close(self, got, wanted, most, where):
        """The norm of the difference by the norm."""
        self.assertEqual(got.shape, wanted.shape, where)
        error = np.linalg.norm(got.astype("f8") - wanted) / np.linalg.norm(wanted)
        self.assertLess(error, most, where)

"""Images: configs/examples/thousand-images.yaml, 784-100-50-10 on 1,000 of Fashion-MNIST's. Skipped where
they are not installed (dataset-fashion-mnist).

100 epochs of Adam suffice to know all of them (the issue is 1,000 images for 85,000 weights), but not
others: networks like it, and this one, know about 0.8 of them.
"""
import json
import os
import unittest

import lockstep_test
from worked_examples import Example

IMAGES = "/usr/share/datasets/fashion-mnist"


class ThousandImages(Example):
    @unittest.skipUnless(os.path.isdir(IMAGES), f"{IMAGES} is not there")
    def test_learnt_by_heart(self):
        said = self.follow("thousand-images")
        epochs = self.epochs("thousand-images")
        print([(e["epoch"], e["train_accuracy"], e["val_accuracy"], e["train_loss"], e["val_loss"]) for e in epochs[::10] + epochs[-3:]])
        print(said[-3000:])
        self.assertEqual(len(epochs), 100)
        self.assertGreaterEqual(epochs[-1]["train_accuracy"], 0.999)
        self.assertLess(epochs[-1]["val_accuracy"], 0.85)
        result = json.loads(self.ok("evaluate", self.path("runs", "thousand-images"), "--json").out)
        print(result["samples"], result["accuracy"])


if __name__ == "__main__":
    lockstep_test.main()

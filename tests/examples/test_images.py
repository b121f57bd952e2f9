"""Images: configs/examples/thousand-images.yaml, 784-100-50-10 on 1,000 of Fashion-MNIST's. Skipped
where these are not installed (dataset-fashion-mnist).

84,060 weights and biases learn 1,000 images by heart in 100 epochs of Adam. Of the validation images 0.82
are right, and their loss has been rising since epoch 17 by half of it; the bounds leave room for other
first weights.
"""
import lockstep_test
from worked_examples import Example


class ThousandImages(Example):
    def test_learnt_by_heart(self):
        said = self.follow("thousand-images")
        epochs = self.epochs("thousand-images")
        self.assertEqual(len(epochs), 100)
        self.assertGreaterEqual(epochs[-1]["train_accuracy"], 0.999)
        self.assertGreater(epochs[-1]["val_accuracy"], 0.75)
        self.assertLess(epochs[-1]["val_accuracy"], 0.88)
        least = min(epochs, key=lambda e: e["val_loss"])
        self.assertLess(least["epoch"], 50)
        self.assertGreater(epochs[-1]["val_loss"], 1.2 * least["val_loss"])
        self.assertIn("over-fitting", said)


if __name__ == "__main__":
    lockstep_test.main()

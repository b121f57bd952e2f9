"""Twenty layers: of configs/examples/deep-sigmoid.yaml, which learns nothing and says why, and of
deep-relu.yaml, which learns. Skipped without scikit-learn's digits.

Ten classes of about as many images: who knows nothing has an accuracy near 0.1, and a loss near
log(10) = 2.3.
"""
import lockstep_test
from worked_examples import Example

WARNING = "the gradient vanishes on its way to the input"


class Depth(Example):
    def gradients(self, epoch):
        """Norms of the gradients of the first and the last matrix."""
        norms = [layer["gradient_norm"] for name, layer in epoch["layers"].items()
                 if name.endswith("dense/weight")]
        self.assertEqual(len(norms), 21)
        return norms[0], norms[-1]

    def test_sigmoid(self):
        said = self.follow("deep-sigmoid")
        self.assertIn(WARNING, said)
        epochs = self.epochs("deep-sigmoid")
        self.assertLess(max(e["train_accuracy"] for e in epochs), 0.2)
        self.assertGreater(epochs[-1]["train_loss"], 2.25)
        for epoch in epochs:
            first, last = self.gradients(epoch)
            self.assertLess(first, 1e-6 * last)

    def test_relu(self):
        said = self.follow("deep-relu")
        self.assertNotIn(WARNING, said)
        epochs = self.epochs("deep-relu")
        self.assertGreater(epochs[-1]["val_accuracy"], 0.9)
        for epoch in epochs:
            first, last = self.gradients(epoch)
            self.assertGreater(first, 1e-2 * last)


if __name__ == "__main__":
    lockstep_test.main()

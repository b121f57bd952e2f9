"""Twenty layers: configs/examples/deep-sigmoid.yaml learns nothing and says why, deep-relu.yaml does."""
import lockstep_test
from lockstep_test import need_module
from worked_examples import Example

WARNING = "the gradient vanishes on its way to the input"


class Depth(Example):
    def setUp(self):
        super().setUp()
        need_module("sklearn")

    def test_sigmoid(self):
        said = self.follow("deep-sigmoid")
        print([(e["train_loss"], e["train_accuracy"], e["val_accuracy"]) for e in self.epochs("deep-sigmoid")][::4])
        self.assertIn(WARNING, said)
        print(self.epochs("deep-sigmoid")[-1])

    def test_relu(self):
        said = self.follow("deep-relu")
        print([(e["train_loss"], e["train_accuracy"], e["val_accuracy"]) for e in self.epochs("deep-relu")][::2])
        self.assertNotIn(WARNING, said)
        print(self.epochs("deep-relu")[-1])


if __name__ == "__main__":
    lockstep_test.main()

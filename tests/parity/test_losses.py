"""The same weights as PyTorch's after 20 steps, for every loss, and with weights of classes and rows
and balanced sampling.

# timeout: 300
# processors: 2

As in test_pytorch.py: the same first weights, the batches of a second implementation of the sampler,
1e-5 a tensor. The losses beside PyTorch's own functions, each at its defaults there; the negative
binomial's beside torch.distributions'. The gradient of a weighted loss is that of sum(w l) / sum(w)
over the whole batch, whatever the lanes and ranks. sgd, so that the scale of a gradient shows, but
for counts, whose gradients grow like exp(z): adam.
"""
import json

import h5py
import numpy as np

import lockstep_test
import test_pytorch
from sampler import Sampler
from test_pytorch import BATCH, BLOCK, EPOCHS, INPUTS, LANES, ROWS, SEED, WINDOW

CLASSES = [32, "relu", 24, "tanh", 5, "softmax"]
VALUES = [32, "sigmoid", 24, "tanh", 3]
WEIGHTS = [0.5, 3.0, 1.0, 0.0, 2.0]  # of the classes


def negative_binomial(t, z, y, alpha):
    return -t.distributions.NegativeBinomial(1 / alpha, logits=z + float(np.log(alpha))).log_prob(y)


def mean(rows, w):
    return (rows * w).sum() / w.sum()


class Case:
    """layers; targets: classes, values, counts, labels (0 or 1, three a row) or two (0 or 1); the
    config; loss(torch, outputs, targets, the rows' weights, the classes' balanced weights)."""

    def __init__(self, layers, targets, config, loss, optimizer="sgd"):
        self.layers, self.targets, self.config = layers, targets, config
        self.loss, self.optimizer = loss, optimizer


CASES = {
    "label smoothing": Case(
        CLASSES, "classes", {"loss": {"softmax_cross_entropy": {"label_smoothing": 0.2}}},
        lambda t, z, y, w, b: t.nn.functional.cross_entropy(z, y, label_smoothing=0.2)),
    "multi-label": Case(
        VALUES + ["sigmoid"], "labels", {"loss": "binary_cross_entropy"},
        lambda t, z, y, w, b: t.nn.functional.binary_cross_entropy_with_logits(z, y)),
    "mae": Case(VALUES, "values", {"loss": "mae"},
                lambda t, z, y, w, b: t.nn.functional.l1_loss(z, y)),
    "huber": Case(VALUES, "values", {"loss": "huber"},
                  lambda t, z, y, w, b: t.nn.functional.huber_loss(z, y)),
    "huber 0.3": Case(VALUES, "values", {"loss": {"huber": {"delta": 0.3}}},
                      lambda t, z, y, w, b: t.nn.functional.huber_loss(z, y, delta=0.3)),
    "poisson": Case(VALUES, "counts", {"loss": "poisson_nll"},
                    lambda t, z, y, w, b: t.nn.functional.poisson_nll_loss(z, y), "adam"),
    "negative binomial": Case(
        VALUES, "counts", {"loss": {"negative_binomial_nll": {"dispersion": 0.4}}},
        lambda t, z, y, w, b: negative_binomial(t, z, y, 0.4).mean(), "adam"),
    "class weights": Case(
        CLASSES, "classes", {"loss": "softmax_cross_entropy", "class_weights": WEIGHTS},
        lambda t, z, y, w, b: t.nn.functional.cross_entropy(z, y, weight=t.tensor(WEIGHTS))),
    "balanced class weights": Case(
        CLASSES, "classes", {"loss": "softmax_cross_entropy", "class_weights": "balanced"},
        lambda t, z, y, w, b: t.nn.functional.cross_entropy(z, y, weight=t.tensor(b))),
    "two class weights": Case(
        [32, "tanh", 1], "two", {"loss": "binary_cross_entropy", "class_weights": [0.25, 4]},
        lambda t, z, y, w, b: mean(t.nn.functional.binary_cross_entropy_with_logits(
            z[:, 0], y.float(), reduction="none"), 0.25 + 3.75 * (y > 0))),
    "sample weights": Case(
        VALUES, "values", {"loss": "mse", "data": {"weights": "/weights"}},
        lambda t, z, y, w, b: mean(((z - y) ** 2).mean(1), w)),
    "class and sample weights": Case(
        CLASSES, "classes", {"loss": "softmax_cross_entropy", "class_weights": WEIGHTS,
                             "data": {"weights": "/weights"}},
        lambda t, z, y, w, b: mean(t.nn.functional.cross_entropy(z, y, reduction="none"),
                                   w * t.tensor(WEIGHTS)[y])),
    "balanced sampling": Case(
        CLASSES, "classes", {"loss": "softmax_cross_entropy", "batch": {"sampling": "balanced"}},
        lambda t, z, y, w, b: t.nn.functional.cross_entropy(z, y)),
}


class Losses(lockstep_test.TestCase):
    def setUp(self):
        super().setUp()
        self.torch = lockstep_test.need_module("torch")
        self.torch.set_num_threads(1)
        self.random = np.random.default_rng(6)

    first_weights = test_pytorch.Parity.first_weights
    lockstep = test_pytorch.Parity.lockstep

    def dataset(self, targets):
        """Writes the rows, every 13th for validation; returns the training rows, and their weights."""
        n = ROWS + ROWS // 12
        train = np.arange(n) % 13 != 12
        x = self.random.normal(size=(n, INPUTS)).astype("f4")
        noise = self.random.normal(size=(n, 5)).astype("f4")
        score = x[:, :5] + noise + np.array([1.5, 0, 0, 0.5, -0.5], "f4")  # classes of many sizes
        y = {"classes": score.argmax(1), "two": (score[:, 0] > 2).astype("i8"),
             "values": score[:, :3], "labels": (score[:, :3] > 0).astype("f4"),
             "counts": self.random.poisson(np.exp(0.4 * score[:, :3])).astype("f4")}[targets]
        w = self.random.choice(np.array([0, 0.25, 1, 2.5], "f4"), n)
        with h5py.File(self.path("d.h5"), "w") as f:
            f["X"], f["y"], f["split"] = x, y, np.where(train, 0, 1).astype("u1")
            f["weights"] = w
        return x[train], y[train], w[train]

    def write_config(self, case, weights):
        given, model = iter(weights), []
        for layer in case.layers:
            if isinstance(layer, int):
                init = [{"values": [float(v) for v in next(given).ravel()]} for _ in range(2)]
                model.append({"dense": {"units": layer, "init": init[0], "bias_init": init[1]}})
            else:
                model.append(layer)
        config = {**case.config, "seed": SEED, "model": model, "train": {"epochs": EPOCHS}}
        config["data"] = {"file": "d.h5", "block_rows": BLOCK, "shuffle_window": WINDOW,
                          "weights": "", **case.config.get("data", {})}
        config["batch"] = {"size": BATCH, "lanes": LANES, **case.config.get("batch", {})}
        name, options = test_pytorch.OPTIMIZERS[case.optimizer][0][1:-1].split(":", 1)
        text = json.dumps(config)[:-1] + f', "optimizer": {{"{name}": {options}}}}}'
        return self.write("c.yaml", text)

    def pytorch(self, case, weights, x, y, w):
        torch = self.torch
        parameters = [torch.tensor(v, requires_grad=True) for v in weights]
        balanced = case.config.get("batch", {}).get("sampling") == "balanced"
        sampler = Sampler(len(x), BATCH, LANES, BLOCK, WINDOW, SEED, y if balanced else None)
        counts = np.bincount(y) if y.ndim == 1 else np.ones(1)
        of_class = (len(y) / (len(counts) * counts)).astype("f4")
        x, y, w = torch.tensor(x), torch.tensor(y), torch.tensor(w)
        rule = test_pytorch.OPTIMIZERS[case.optimizer][1](torch, parameters)
        layers = case.layers if isinstance(case.layers[-1], int) else case.layers[:-1]
        for epoch in range(EPOCHS):
            for rows in sampler.epoch(epoch):
                z, given = x[rows], iter(parameters)
                for layer in layers:
                    z = (z @ next(given).T + next(given) if isinstance(layer, int)
                         else getattr(torch, layer)(z))
                rule.zero_grad()
                case.loss(torch, z, y[rows], w[rows], of_class).backward()
                rule.step()
        return [p.detach().numpy() for p in parameters]

    def test_same_weights(self):
        for name, case in CASES.items():
            x, y, w = self.dataset(case.targets)
            weights = self.first_weights(case.layers)
            config = self.write_config(case, weights)
            wanted = self.pytorch(case, weights, x, y, w)
            for ranks in (1, 3):
                found = self.lockstep(config, case.layers, ranks)
                for i, (got, want) in enumerate(zip(found, wanted)):
                    with self.subTest(case=name, ranks=ranks, tensor=i):
                        error = np.linalg.norm(got.astype("f8") - want) / np.linalg.norm(want)
                        moved = np.linalg.norm(want - weights[i]) / np.linalg.norm(want)
                        self.assertGreater(moved, 1e-3)
                        self.assertLess(error, 1e-5)

    def test_every_loss_is_compared(self):
        """Here or in test_pytorch.py."""
        text = self.ok("train", "--help-config").out
        names = [line.split()[1][:-1] for line in text.splitlines() if line.startswith("loss ")]
        self.assertGreater(len(names), 6)
        used = json.dumps([case.config for case in CASES.values()])
        lacking = [n for n in names if f'"{n}"' not in used and n not in test_pytorch.LOSSES]
        self.assertEqual(lacking, [])


if __name__ == "__main__":
    lockstep_test.main()

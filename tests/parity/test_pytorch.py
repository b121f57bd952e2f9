"""The same weights as PyTorch's after 20 steps from the same weights on the same batches.

# timeout: 300
# processors: 2

Every optimiser with weight decay (and momentum) and every loss; dense layers with relu, sigmoid
and tanh. The batches are drawn here by a second implementation of the sampler, so that a row
out of its place shows as well.

The tolerance of 1e-5 (norm of the difference by the norm, a tensor): both work in float32, and
20 steps of sums in different orders leave up to 5e-7.
"""
import h5py
import numpy as np

import lockstep_test
from sampler import Sampler

SEED, INPUTS, BATCH, LANES, BLOCK, WINDOW = 7, 40, 64, 8, 8, 24
# 10 steps an epoch; lanes get 9 or 10 blocks, so the last step is not full; 597 = 74 * 8 + 5.
ROWS, EPOCHS, STEPS = 597, 2, 20

OPTIMIZERS = {
    "sgd": ("{sgd: {lr: 0.05, momentum: 0.9, weight_decay: 1.0e-3}}",
            lambda t, p: t.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-3)),
    "adam": ("{adam: {lr: 1.0e-3, weight_decay: 1.0e-3}}",
             lambda t, p: t.optim.Adam(p, lr=1e-3, weight_decay=1e-3)),
    "adamw": ("{adamw: {lr: 1.0e-3, weight_decay: 0.1}}",
              lambda t, p: t.optim.AdamW(p, lr=1e-3, weight_decay=0.1)),
    "nesterov": ("{sgd: {lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 1.0e-3}}",
                 lambda t, p: t.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True,
                                          weight_decay=1e-3)),
    "adagrad": ("{adagrad: {lr_decay: 0.1, initial_accumulator: 0.01, weight_decay: 1.0e-3}}",
                lambda t, p: t.optim.Adagrad(p, lr_decay=0.1, initial_accumulator_value=0.01,
                                             weight_decay=1e-3)),
    "rmsprop": ("{rmsprop: {lr: 1.0e-3, weight_decay: 1.0e-3}}",
                lambda t, p: t.optim.RMSprop(p, lr=1e-3, weight_decay=1e-3)),
    "centered": ("{rmsprop: {lr: 1.0e-4, alpha: 0.9, momentum: 0.9, centered: true, "
                 "weight_decay: 1.0e-3}}",
                 lambda t, p: t.optim.RMSprop(p, lr=1e-4, alpha=0.9, momentum=0.9, centered=True,
                                              weight_decay=1e-3)),
}

# loss: layers, PyTorch's loss on outputs and targets.
LOSSES = {
    "softmax_cross_entropy": ([32, "relu", 24, "tanh", 5, "softmax"],
                              lambda t, z, y: t.nn.functional.cross_entropy(z, y)),
    "binary_cross_entropy": ([32, "tanh", 24, "sigmoid", 1, "sigmoid"],
                             lambda t, z, y: t.nn.functional.binary_cross_entropy_with_logits(
                                 z[:, 0], y.float())),
    "mse": ([32, "sigmoid", 24, "relu", 3], lambda t, z, y: t.nn.functional.mse_loss(z, y)),
}


class Parity(lockstep_test.TestCase):
    def setUp(self):
        super().setUp()
        self.torch = lockstep_test.need_module("torch")
        self.torch.set_num_threads(1)
        self.random = np.random.default_rng(5)

    def dataset(self, loss):
        """Writes the rows, every 13th for validation; returns the training rows in order."""
        n = ROWS + ROWS // 12
        train = np.arange(n) % 13 != 12
        self.assertEqual(train.sum(), ROWS)
        x = self.random.normal(size=(n, INPUTS)).astype("f4")
        score = x[:, :5] + self.random.normal(size=(n, 5)).astype("f4")
        y = {"softmax_cross_entropy": score.argmax(1),
             "binary_cross_entropy": (score[:, 0] > 0).astype("i8"),
             "mse": score[:, :3]}[loss]
        with h5py.File(self.path("d.h5"), "w") as f:
            f["X"], f["y"], f["split"] = x, y, np.where(train, 0, 1).astype("u1")
        return x[train], y[train]

    def first_weights(self, layers):
        """[weight, bias] of each dense layer, float32."""
        inputs, weights = INPUTS, []
        for units in (u for u in layers if isinstance(u, int)):
            weights += [(self.random.normal(size=(units, inputs)) / inputs ** 0.5).astype("f4"),
                        (self.random.normal(size=units) * 0.1).astype("f4")]
            inputs = units
        return weights

    def config(self, layers, weights, loss, optimizer):
        def values(w):
            return f"{{values: {[float(v) for v in w.ravel()]}}}"

        given, lines = iter(weights), []
        for layer in layers:
            if isinstance(layer, int):
                lines.append(f"  - dense: {{units: {layer}, init: {values(next(given))}, "
                             f"bias_init: {values(next(given))}}}")
            else:
                lines.append(f"  - {layer}")
        return self.write("c.yaml", "\n".join(
            [f"seed: {SEED}",
             f"data: {{file: d.h5, block_rows: {BLOCK}, shuffle_window: {WINDOW}}}",
             "model:", *lines, f"loss: {loss}", f"optimizer: {optimizer}",
             f"batch: {{size: {BATCH}, lanes: {LANES}}}", f"train: {{epochs: {EPOCHS}}}"]))

    def lockstep(self, config, layers, ranks):
        """The weights after training."""
        self.ok("train", config, "--run-dir", self.path("run"), "--overwrite", ranks=ranks)
        with h5py.File(self.path("run", "checkpoints", "last.h5"), "r") as f:
            self.assertEqual(f["state"].attrs["step"], STEPS)
            return [f[f"model/{i}_dense/{name}"][...] for i, layer in enumerate(layers)
                    if isinstance(layer, int) for name in ("weight", "bias")]

    def pytorch(self, layers, weights, loss, optimizer, x, y):
        """The weights after the same steps."""
        torch = self.torch
        parameters = [torch.tensor(w, requires_grad=True) for w in weights]
        x, y = torch.tensor(x), torch.tensor(y)
        rule = OPTIMIZERS[optimizer][1](torch, parameters)
        # A last layer that belongs to the loss is done by it, on logits.
        layers = layers if isinstance(layers[-1], int) else layers[:-1]
        sampler = Sampler(len(x), BATCH, LANES, BLOCK, WINDOW, SEED)
        steps = 0
        for epoch in range(EPOCHS):
            seen = []
            for rows in sampler.epoch(epoch):
                z, given = x[rows], iter(parameters)
                for layer in layers:
                    z = (z @ next(given).T + next(given) if isinstance(layer, int)
                         else getattr(torch, layer)(z))
                rule.zero_grad()
                LOSSES[loss][1](torch, z, y[rows]).backward()
                rule.step()
                seen += rows
                steps += 1
            self.assertEqual(sorted(seen), list(range(len(x))))
        self.assertEqual(steps, STEPS)
        return [p.detach().numpy() for p in parameters]

    def check(self, loss, optimizer):
        x, y = self.dataset(loss)
        layers = LOSSES[loss][0]
        weights = self.first_weights(layers)
        config = self.config(layers, weights, loss, OPTIMIZERS[optimizer][0])
        wanted = self.pytorch(layers, weights, loss, optimizer, x, y)
        for ranks in (1, 2):
            for i, (got, want) in enumerate(zip(self.lockstep(config, layers, ranks), wanted)):
                self.assertEqual(got.shape, want.shape)
                error = np.linalg.norm(got.astype("f8") - want) / np.linalg.norm(want)
                moved = np.linalg.norm(want - weights[i]) / np.linalg.norm(want)
                where = f"{loss}, {optimizer}, {ranks} ranks, tensor {i}"
                self.assertGreater(moved, 1e-3, where)
                self.assertLess(error, 1e-5, where)

    def test_softmax_cross_entropy(self):
        for optimizer in OPTIMIZERS:
            self.check("softmax_cross_entropy", optimizer)

    def test_binary_cross_entropy(self):
        for optimizer in OPTIMIZERS:
            self.check("binary_cross_entropy", optimizer)

    def test_mse(self):
        for optimizer in OPTIMIZERS:
            self.check("mse", optimizer)


if __name__ == "__main__":
    lockstep_test.main()

"""The same weights as PyTorch's after training through every activation and normalisation.

# timeout: 300
# processors: 2

Each network is two dense layers with the thing between them, its own parameters among those that are
trained. Optimiser and loss are sgd with momentum and mse: what differs from run to run is the layer.
The order of samples is drawn here by a second implementation of the sampler.

The tolerance of 1e-5 (norm of the difference by the norm, a tensor): both work in float32, and 20 steps
of sums in different orders leave up to 2e-6 (softplus, whose outputs are all positive).
"""
import h5py
import numpy as np

import experiments
import lockstep_test
import options
from sampler import Sampler

SEED, INPUTS, UNITS, OUTPUTS, ROWS = 7, 24, 33, 3, 300
BATCH, LANES, BLOCK, WINDOW, EPOCHS = 32, 8, 8, 24, 2

# What PyTorch has for a layer of a config. {} where it has parameters: given as init and bias_init.
LAYERS = {
    "linear": ({}, lambda t, z: z),
    "relu": ({}, lambda t, z: t.relu(z)),
    "leaky_relu": ({"slope": 0.2}, lambda t, z: t.nn.functional.leaky_relu(z, 0.2)),
    "elu": ({"alpha": 0.7}, lambda t, z: t.nn.functional.elu(z, 0.7)),
    "selu": ({}, lambda t, z: t.selu(z)),
    "gelu": ({}, lambda t, z: t.nn.functional.gelu(z)),
    "softplus": ({}, lambda t, z: t.nn.functional.softplus(z)),
    "sigmoid": ({}, lambda t, z: t.sigmoid(z)),
    "tanh": ({}, lambda t, z: t.tanh(z)),
    "softmax": ({}, lambda t, z: t.softmax(z, 1)),
    "layer_norm": ({"eps": 0.001}, lambda t, z, w, b: t.nn.functional.layer_norm(z, (UNITS,), w, b, 0.001)),
}
# Draws are another stream there, a threshold has no gradient, and test_pytorch_layers.py has the others.
WITHOUT = {"dense", "dropout", "gaussian_noise", "multiplicative_noise", "threshold", "batch_norm",
           "residual", "tied"}


def values(w):
    return {"values": [float(v) for v in w.ravel()]}


class Layers(lockstep_test.TestCase):
    def setUp(self):
        super().setUp()
        self.torch = lockstep_test.need_module("torch")
        self.torch.set_num_threads(1)
        random = np.random.default_rng(5)
        self.x = random.normal(size=(ROWS, INPUTS)).astype("f4")
        self.y = (self.x[:, :OUTPUTS] + random.normal(size=(ROWS, OUTPUTS))).astype("f4")
        with h5py.File(self.path("d.h5"), "w") as f:
            f["X"], f["y"] = self.x, self.y
        self.first = [(random.normal(size=(UNITS, INPUTS)) / INPUTS ** 0.5).astype("f4"),
                      (random.normal(size=UNITS) * 0.1).astype("f4"),
                      (random.normal(size=UNITS) * 0.2 + 1).astype("f4"),
                      (random.normal(size=UNITS) * 0.2).astype("f4"),
                      (random.normal(size=(OUTPUTS, UNITS)) / UNITS ** 0.5).astype("f4"),
                      (random.normal(size=OUTPUTS) * 0.1).astype("f4")]

    def lockstep(self, name, given, ranks):
        own = {"init": values(self.first[2]), "bias_init": values(self.first[3])}
        middle = {name: {**given, **own}} if name == "layer_norm" else {name: given} if given else name
        config = experiments.write_config(self.path("c.yaml"), {
            "seed": SEED, "data": {"file": "d.h5", "split": {"train": 1.0}, "block_rows": BLOCK,
                                   "shuffle_window": WINDOW},
            "model": [{"dense": {"units": UNITS, "init": values(self.first[0]),
                                 "bias_init": values(self.first[1])}}, middle,
                      {"dense": {"units": OUTPUTS, "init": values(self.first[4]),
                                 "bias_init": values(self.first[5])}}],
            "loss": "mse", "optimizer": {"sgd": {"lr": 0.1, "momentum": 0.9}},
            "batch": {"size": BATCH, "lanes": LANES}, "train": {"epochs": EPOCHS}})
        self.ok("train", config, "--run-dir", self.path("run"), "--overwrite", ranks=ranks)
        with h5py.File(self.path("run", "checkpoints", "last.h5"), "r") as f:
            self.assertEqual(f["state"].attrs["step"], 20)
            return [f["model"][layer][p][...] for layer in ("0_dense", f"1_{name}", "2_dense")
                    for p in ("weight", "bias") if layer in f["model"]]

    def pytorch(self, parameters, function):
        torch = self.torch
        p = [torch.tensor(w, requires_grad=True) for w in parameters]
        x, y = torch.tensor(self.x), torch.tensor(self.y)
        rule = torch.optim.SGD(p, lr=0.1, momentum=0.9)
        sampler = Sampler(ROWS, BATCH, LANES, BLOCK, WINDOW, SEED)
        for epoch in range(EPOCHS):
            for rows in sampler.epoch(epoch):
                z = function(torch, x[rows] @ p[0].T + p[1], *p[2:-2]) @ p[-2].T + p[-1]
                rule.zero_grad()
                torch.nn.functional.mse_loss(z, y[rows]).backward()
                rule.step()
        return [w.detach().numpy() for w in p]

    def test_every_layer_is_here(self):
        _, things = options.read(self.ok("train", "--help-config").out)
        self.assertEqual({t.name for t in things if t.kind == "layer"}, LAYERS.keys() | WITHOUT)

    def test_weights(self):
        for name, (given, function) in LAYERS.items():
            first = self.first if name == "layer_norm" else self.first[:2] + self.first[4:]
            wanted = self.pytorch(first, function)
            for ranks in (1, 3):
                found = self.lockstep(name, given, ranks)
                self.assertEqual(len(found), len(wanted))
                for i, (got, want) in enumerate(zip(found, wanted)):
                    error = np.linalg.norm(got.astype("f8") - want) / np.linalg.norm(want)
                    moved = np.linalg.norm(want - first[i]) / np.linalg.norm(want)
                    where = f"{name}, {ranks} ranks, tensor {i}"
                    self.assertGreater(moved, 1e-3, where)
                    self.assertLess(error, 1e-5, where)


if __name__ == "__main__":
    lockstep_test.main()

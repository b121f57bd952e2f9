"""Whole trainings: the loss of each of 50 steps is PyTorch's, for many choices of loss, layers,
optimiser, penalty, clipping and schedule together.

# timeout: 300
# processors: 2

Each epoch takes one step, with a batch that is drawn anew from more rows than it has (batch.last: drop
leaves the rest out), so that train_loss in metrics.jsonl is the loss of that step; which rows they are
says the second implementation of the sampler. PyTorch begins with the same weights and computes in
float64: what differs is the rounding of lockstep's float32, which steps carry on. Left out, what a
case takes from MORE changes the curve by 100 times the tolerance at least, which the test asks, too.

A new choice is a line in its table, and at least one line in CASES that uses it.
"""
import copy

import numpy as np

import experiments
import lockstep_test
from experiments import dense
from sampler import Sampler

SEED, INPUTS, BATCH, BLOCK, WINDOW, STEPS = 11, 30, 64, 4, 9, 50
ROWS = 101  # 26 blocks: in 8 lanes 12 to 16 rows, so that each can fill one step of 8, and not all two
TOLERANCE = 3e-6  # of the mean loss: 50 roundings of 6e-8; up to 6e-7 is seen
CLASS_WEIGHTS = [0.5, 3.0, 1.0, 1.5, 2.0]

# name: (lockstep's config, the targets, PyTorch's function of functional, outputs and targets)
LOSSES = {
    "cross entropy": ("softmax_cross_entropy", "kinds", lambda f, z, y: f.cross_entropy(z, y)),
    "label smoothing": ({"softmax_cross_entropy": {"label_smoothing": 0.1}}, "kinds",
                        lambda f, z, y: f.cross_entropy(z, y, label_smoothing=0.1)),
    "binary": ("binary_cross_entropy", "two",
               lambda f, z, y: f.binary_cross_entropy_with_logits(z, y[:, None].double())),
    "mse": ("mse", "values", lambda f, z, y: f.mse_loss(z, y)),
    "half mse": ({"mse": {"scale": 0.5}}, "values", lambda f, z, y: f.mse_loss(z, y) / 2),
    "mse of inputs": ("mse", "inputs", lambda f, z, y: f.mse_loss(z, y)),
    "mae": ("mae", "values", lambda f, z, y: f.l1_loss(z, y)),
    "huber": ({"huber": {"delta": 0.5}}, "values", lambda f, z, y: f.huber_loss(z, y, delta=0.5)),
    "poisson": ("poisson_nll", "counts", lambda f, z, y: f.poisson_nll_loss(z, y)),
}

# name: (lockstep's config, PyTorch's optimiser of torch.optim and the parameters)
OPTIMIZERS = {
    "sgd": ({"sgd": {"lr": 0.1}}, lambda o, p: o.SGD(p, lr=0.1)),
    "momentum": ({"sgd": {"lr": 0.03, "momentum": 0.9, "weight_decay": 0.01}},
                 lambda o, p: o.SGD(p, lr=0.03, momentum=0.9, weight_decay=0.01)),
    "adam": ({"adam": {"lr": 0.003}}, lambda o, p: o.Adam(p, lr=0.003)),
    "adam, decay": ({"adam": {"lr": 0.003, "beta1": 0.8, "beta2": 0.99, "weight_decay": 0.01}},
                    lambda o, p: o.Adam(p, lr=0.003, betas=(0.8, 0.99), weight_decay=0.01)),
    "adamw": ({"adamw": {"lr": 0.003, "weight_decay": 0.2}},
              lambda o, p: o.AdamW(p, lr=0.003, weight_decay=0.2)),
    "nesterov": ({"sgd": {"lr": 0.03, "momentum": 0.9, "nesterov": True}},
                 lambda o, p: o.SGD(p, lr=0.03, momentum=0.9, nesterov=True)),
    "adagrad": ({"adagrad": {"lr": 0.02}}, lambda o, p: o.Adagrad(p, lr=0.02)),
    "rmsprop": ({"rmsprop": {"lr": 0.001, "momentum": 0.5}},
                lambda o, p: o.RMSprop(p, lr=0.001, momentum=0.5)),
}

# What is between the inputs and the last layer, or with None at the end, all layers. batch_norm is
# PyTorch's with one lane.
HIDDEN = {
    "none": [],
    "relu": [dense(24), "relu"],
    "deep": [dense(24), "tanh", dense(16), "sigmoid"],
    "gelu": [dense(24), "gelu", dense(16), "elu"],
    "layer norm": [dense(24), "layer_norm", "relu"],
    "batch norm": [dense(24), "batch_norm", "relu"],
    "tied": [dense(24), "tanh", {"tied": 0}, "gelu"],
    "autoencoder": [dense(24), "tanh", dense(9), {"tied": 2}, "tanh", {"tied": 0}, None],
}

# name: (what the config has beside these, what PyTorch does: penalty(weights) is added to the loss,
# clip(torch.nn.utils, parameters) changes gradients, schedule(torch.optim.lr_scheduler, optimiser)
# steps with every step, inputs(x of the training rows) replaces them, loss(functional, z, y) too)
MORE = {
    "": ({}, {}),
    "l2": ({"penalty": {"l2": 0.05}},
           {"penalty": lambda w: 0.05 / 2 * sum((a ** 2).sum() for a in w)}),
    "elastic net": ({"penalty": {"l1": 0.003, "l2": 0.02}},
                    {"penalty": lambda w: sum(0.003 * a.abs().sum() + 0.01 * (a ** 2).sum()
                                              for a in w)}),
    "clipped norm": ({"clip": {"norm": 0.2}}, {"clip": lambda u, p: u.clip_grad_norm_(p, 0.2)}),
    "clipped values": ({"clip": {"value": 0.01}}, {"clip": lambda u, p: u.clip_grad_value_(p, 0.01)}),
    "standardized": ({"data": {"transform": ["standardize"]}},
                     {"inputs": lambda x: (x - x.mean(0)) / x.std(0)}),
    "cosine": ({"schedule": {"cosine": {"final": 0.02}}},
               {"schedule": lambda s, o: s.CosineAnnealingLR(o, STEPS, 0.02 * o.defaults["lr"])}),
    "restarts": ({"schedule": {"cosine": {"epochs": 7, "multiplier": 2}}},
                 {"schedule": lambda s, o: s.CosineAnnealingWarmRestarts(o, 7, 2)}),
    "one cycle": ({"schedule": "one_cycle"},
                  {"schedule": lambda s, o: s.OneCycleLR(o, o.defaults["lr"], STEPS,
                                                         cycle_momentum=False)}),
    "steps": ({"schedule": {"step": {"every": 15, "factor": 0.3}}},
              {"schedule": lambda s, o: s.StepLR(o, 15, 0.3)}),
    "warm-up": ({"warmup": {"steps": 20, "from": 0.05}},
                {"schedule": lambda s, o: s.LinearLR(o, 0.05, 1, 20)}),
    "class weights": ({"class_weights": CLASS_WEIGHTS},
                      {"loss": lambda f, z, y: f.cross_entropy(z, y, z.new_tensor(CLASS_WEIGHTS))}),
}

# One line a training: loss, layers, optimiser, more. Every name of the tables above is in one of them.
CASES = [
    ("cross entropy", "relu", "adam", ""),
    ("cross entropy", "deep", "momentum", "l2"),
    ("cross entropy", "none", "sgd", "elastic net"),
    ("cross entropy", "layer norm", "adamw", "clipped norm"),
    ("cross entropy", "batch norm", "momentum", "standardized"),
    ("cross entropy", "gelu", "adam, decay", "class weights"),
    ("label smoothing", "relu", "momentum", "clipped values"),
    ("label smoothing", "batch norm", "adam", "l2"),
    ("binary", "deep", "adamw", "standardized"),
    ("binary", "none", "momentum", "elastic net"),
    ("mse", "relu", "sgd", "clipped norm"),
    ("mse", "gelu", "adamw", "l2"),
    ("half mse", "layer norm", "momentum", ""),
    ("mae", "deep", "adam", "standardized"),
    ("huber", "relu", "adam, decay", "elastic net"),
    ("poisson", "gelu", "adam", "clipped values"),
    ("cross entropy", "deep", "nesterov", "cosine"),
    ("mse", "batch norm", "adagrad", "one cycle"),
    ("huber", "gelu", "rmsprop", "restarts"),
    ("binary", "layer norm", "momentum", "warm-up"),
    ("label smoothing", "deep", "adamw", "steps"),
    ("mse of inputs", "autoencoder", "adam", "standardized"),
    ("mse of inputs", "autoencoder", "momentum", "l2"),
    ("mse of inputs", "autoencoder", "adamw", "clipped norm"),
    ("cross entropy", "tied", "momentum", "elastic net"),
]

MODULES = {  # of torch.nn, for so many inputs
    "relu": lambda nn, n: nn.ReLU(), "tanh": lambda nn, n: nn.Tanh(),
    "sigmoid": lambda nn, n: nn.Sigmoid(), "gelu": lambda nn, n: nn.GELU(),
    "elu": lambda nn, n: nn.ELU(), "layer_norm": lambda nn, n: nn.LayerNorm(n),
    "batch_norm": lambda nn, n: nn.BatchNorm1d(n),
}


def tied(nn, linear):
    """The way back through a linear module, with its weights."""
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.bias = linear, nn.Parameter(linear.weight.new_zeros(linear.in_features))

        def forward(self, h):
            return nn.functional.linear(h, self.linear.weight.T, self.bias)

    return Tied()


class Curves(lockstep_test.TestCase):
    def setUp(self):
        super().setUp()
        self.torch = lockstep_test.need_module("torch")
        self.torch.set_num_threads(1)
        random = np.random.default_rng(8)
        self.x = (random.normal(size=(ROWS, INPUTS)) * random.uniform(0.5, 1.5, INPUTS)
                  + random.normal(size=INPUTS) / 4).astype("f4")
        score = self.x[:, :5] + random.normal(size=(ROWS, 5))
        self.targets = {"kinds": score.argmax(1), "two": (score[:, 0] > 0).astype("i8"),
                        "values": score[:, :3].astype("f4"),
                        "counts": random.poisson(np.exp(score[:, :3] / 3)).astype("f4"),
                        "inputs": self.x}
        experiments.write(self.path("d.h5"), {"X": self.x, "split": np.zeros(ROWS, "u1"),
                                              **self.targets})
        self.random = random

    def model(self, hidden, outputs):
        """The layers of a config with first weights given, and PyTorch's network with the same."""
        nn, layers, modules, inputs = self.torch.nn, [], [], INPUTS
        for layer in HIDDEN[hidden] + [dense(outputs)]:
            if layer is None:
                break
            if isinstance(layer, str):
                layers.append(layer)
                modules.append(MODULES[layer](nn, inputs))
                continue
            if "tied" in layer:
                layers.append(layer)
                modules.append(tied(nn, modules[layer["tied"]]))
                inputs = len(modules[-1].bias)
                continue
            units = layer["dense"]["units"]
            weight = (self.random.normal(size=(units, inputs)) / inputs ** 0.5).astype("f4")
            bias = (self.random.normal(size=units) / 10).astype("f4")
            layers.append(dense(units, init={"values": weight.ravel().tolist()},
                                bias_init={"values": bias.tolist()}))
            modules.append(nn.Linear(inputs, units))
            modules[-1].weight.data = self.torch.tensor(weight)
            modules[-1].bias.data = self.torch.tensor(bias)
            inputs = units
        return layers, nn.Sequential(*modules).double()

    def lockstep(self, layers, lanes, case, ranks):
        loss, _, optimizer, more = case
        changes = MORE[more][0]
        config = experiments.write_config(self.path("c.yaml"), {
            "seed": SEED, "model": layers, "loss": LOSSES[loss][0],
            "optimizer": OPTIMIZERS[optimizer][0], "train": {"epochs": STEPS},
            "batch": {"size": BATCH, "lanes": lanes, "last": "drop"},
            "checkpoint": {"every_epochs": STEPS}, **changes,
            "data": {"file": "d.h5", "y": f"/{LOSSES[loss][1]}", "block_rows": BLOCK,
                     "shuffle_window": WINDOW, **changes.get("data", {})}})
        self.ok("train", config, "--run-dir", self.path("run"), "--overwrite", ranks=ranks)
        lines = experiments.metrics(self.path("run"))
        self.assertEqual([line["step"] for line in lines], list(range(1, STEPS + 1)))
        return np.array([line["train_loss"] for line in lines])

    def pytorch(self, network, lanes, case):
        torch, (loss, _, optimizer, more) = self.torch, case
        does = MORE[more][1]
        f, loss_of = torch.nn.functional, does.get("loss", LOSSES[loss][2])
        x = self.x.astype("f8")
        x = torch.tensor(does["inputs"](x) if "inputs" in does else x)
        y = self.targets[LOSSES[loss][1]]
        y = torch.tensor(y if y.ndim == 1 else y.astype("f8"))
        parameters = list(network.parameters())
        matrices = [p for p in parameters if p.dim() > 1]
        rule = OPTIMIZERS[optimizer][1](torch.optim, parameters)
        schedule = does["schedule"](torch.optim.lr_scheduler, rule) if "schedule" in does else None
        sampler, curve = Sampler(ROWS, BATCH, lanes, BLOCK, WINDOW, SEED), []
        for epoch in range(STEPS):
            full = [rows for rows in sampler.epoch(epoch) if len(rows) == BATCH]
            self.assertEqual(len(full), 1)
            value = loss_of(f, network(x[full[0]]), y[full[0]])
            curve.append(value.item())
            rule.zero_grad()
            (value + does["penalty"](matrices) if "penalty" in does else value).backward()
            if "clip" in does:
                does["clip"](torch.nn.utils, parameters)
            rule.step()
            if schedule and epoch + 1 < STEPS:
                schedule.step()
        return np.array(curve)

    def check(self, case, ranks):
        loss, hidden, optimizer, more = case
        targets = self.targets[LOSSES[loss][1]]
        outputs = {"kinds": 5, "two": 1}.get(LOSSES[loss][1], targets.shape[-1])
        lanes = 1 if "batch_norm" in HIDDEN[hidden] else 8
        layers, network = self.model(hidden, outputs)
        plain = copy.deepcopy(network)
        wanted = self.pytorch(network, lanes, case)
        got = self.lockstep(layers, lanes, case, min(lanes, ranks))
        error = np.abs(got - wanted) / np.abs(wanted).mean()
        self.assertLess(error.max(), TOLERANCE, f"in step {error.argmax() + 1}")
        if more:
            change = np.abs(self.pytorch(plain, lanes, (loss, hidden, optimizer, "")) - wanted)
            self.assertGreater(change.max(), 100 * TOLERANCE * np.abs(wanted).mean())

    def test_curves(self):
        for i, case in enumerate(CASES):
            with self.subTest(case):
                self.check(case, 1 + i % 3)

    def test_tables_are_used(self):
        for i, table in enumerate((LOSSES, HIDDEN, OPTIMIZERS, MORE)):
            self.assertEqual({case[i] for case in CASES}, set(table))


if __name__ == "__main__":
    lockstep_test.main()

"""The learning rate of every update as PyTorch's schedulers give it, 60 updates in 20 epochs.

# timeout: 300
# processors: 2

The rates are seen in the weights: with one input of 1, class 1 and logits near -100 the gradient of
the cross entropy is -1 in float32, so that plain SGD adds the learning rate to the weight at every
step; a checkpoint is kept of each. With weights below 2^5 a sum is off by at most 2^-20, about 1e-6.
"""
import h5py
import numpy as np

import experiments
import lockstep_test
import small_runs
from experiments import dense

LR, EPOCHS, EPOCH_STEPS, BATCH = 0.5, 20, 3, 8
STEPS = EPOCHS * EPOCH_STEPS


# What a config adds, and PyTorch's schedulers of an optimizer `o`, from its module `s`: those that
# step with every batch, those that do with every epoch.
CASES = {
    "step": ({"schedule": {"step": {"every": 6, "factor": 0.3}}},
             lambda s, o: ([], [s.StepLR(o, 6, 0.3)])),
    "exponential": ({"schedule": {"exponential": 0.8}},
                    lambda s, o: ([], [s.ExponentialLR(o, 0.8)])),
    "inverse_time": ({"schedule": {"inverse_time": 0.2}},
                     lambda s, o: ([s.LambdaLR(o, lambda t: 1 / (1 + 0.2 * t))], [])),
    "polynomial": ({"schedule": {"polynomial": 2}},
                   lambda s, o: ([s.PolynomialLR(o, STEPS, 2)], [])),
    "polynomial of some epochs": ({"schedule": {"polynomial": {"epochs": 11}}},
                                  lambda s, o: ([s.PolynomialLR(o, 33)], [])),
    "cosine": ({"schedule": {"cosine": {"final": 0.02}}},
               lambda s, o: ([s.CosineAnnealingLR(o, STEPS, 0.02 * LR)], [])),
    "cosine with restarts": (
        {"schedule": {"cosine": {"epochs": 2, "multiplier": 3, "final": 0.1}}},
        lambda s, o: ([s.CosineAnnealingWarmRestarts(o, 2 * EPOCH_STEPS, 3, 0.1 * LR)], [])),
    "one_cycle": ({"schedule": "one_cycle"},
                  lambda s, o: ([s.OneCycleLR(o, LR, STEPS, cycle_momentum=False)], [])),
    "one_cycle of other parts": (
        {"schedule": {"one_cycle": {"pct_start": 0.45, "div_factor": 4, "final_div_factor": 7}}},
        lambda s, o: ([s.OneCycleLR(o, LR, STEPS, pct_start=0.45, div_factor=4, final_div_factor=7,
                                    cycle_momentum=False)], [])),
    "warm-up": ({"warmup": {"steps": 10, "from": 0.25}},
                lambda s, o: ([s.LinearLR(o, 0.25, 1, 10)], [])),
    "warm-up and exponential": (
        {"schedule": {"exponential": 0.8}, "warmup": {"epochs": 2.0}},
        lambda s, o: ([s.LinearLR(o, 0.1, 1, 6)], [s.ExponentialLR(o, 0.8)])),
    "warm-up and step": (
        {"schedule": {"step": 4}, "warmup": {"steps": 17}},
        lambda s, o: ([s.LinearLR(o, 0.1, 1, 17)], [s.StepLR(o, 4)])),
}


class Rates(lockstep_test.TestCase):
    def lockstep(self, changes, ranks):
        """The learning rate of each update, from the weights; those of the epochs' ends."""
        rows = EPOCH_STEPS * BATCH
        experiments.write(self.path("d.h5"), {"X": np.ones((rows, 1), "f4"), "y": np.ones(rows, "i4"),
                                              "classes": ["no", "yes"], "split": np.zeros(rows, "u1")})
        config = experiments.write_config(self.path("c.yaml"), {
            "data": {"file": "d.h5", "block_rows": 1},
            "model": [dense(1, init="zeros", bias_init={"constant": -100})],
            "loss": "binary_cross_entropy", "optimizer": {"sgd": LR}, "batch": {"size": BATCH},
            "train": {"epochs": EPOCHS}, "checkpoint": {"every_steps": 1, "keep": 2 * STEPS},
            **changes})
        self.ok("train", config, "--run-dir", self.path("run"), "--overwrite", ranks=ranks)
        weight = [0.0]
        for t in range(1, STEPS + 1):
            name = f"step-{t:010}.h5" if t < STEPS else "last.h5"
            with h5py.File(self.path("run", "checkpoints", name), "r") as f:
                self.assertEqual(f["state"].attrs["step"], t)
                weight.append(float(f["model/0_dense/weight"][0, 0]))
        self.assertLess(weight[-1], 32)
        return np.diff(weight), [line["lr"] for line in experiments.metrics(self.path("run"))]

    def pytorch(self, torch, schedulers):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)
        every_batch, every_epoch = schedulers(torch.optim.lr_scheduler, optimizer)
        rates = []
        for t in range(1, STEPS + 1):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            for scheduler in every_batch if t < STEPS else []:  # OneCycleLR counts its steps
                scheduler.step()
            for scheduler in every_epoch if t % EPOCH_STEPS == 0 else []:
                scheduler.step()
        return np.array(rates)

    def test_rates(self):
        torch = lockstep_test.need_module("torch")
        for i, (name, (changes, schedulers)) in enumerate(CASES.items()):
            with self.subTest(name):
                got, told = self.lockstep(changes, ranks=i % 3)
                want = self.pytorch(torch, schedulers)
                self.assertGreater(want.max(), 2 * want.min())
                self.assertLess(np.abs(got - want).max(), 2e-6)
                np.testing.assert_allclose(told, want[EPOCH_STEPS - 1::EPOCH_STEPS], rtol=1e-8)

    def test_cases_are_complete(self):
        """Of what the program has; plateau is below, constant is no schedule."""
        text = self.ok("train", "--help-config").out
        names = {line.split()[1].rstrip(":") for line in text.splitlines()
                 if line.startswith("schedule ") and ":" in line}
        used = {n for changes, _ in CASES.values() for n in
                ([changes.get("schedule", {})] if isinstance(changes.get("schedule"), str)
                 else changes.get("schedule", {}))}
        self.assertEqual(names - used, {"constant", "plateau"})


class Plateau(small_runs.TestCase):
    """Steps so large that every metric goes up and down."""

    def test_reductions(self):
        torch = lockstep_test.need_module("torch")
        for monitor, options, ranks in (
                ("val_loss", {"patience": 1, "factor": 0.5, "min_delta": 0}, 0),
                ("val_loss", {"patience": 2, "factor": 0.7, "min_delta": 0.01, "cooldown": 3}, 2),
                ("val_accuracy", {"patience": 0, "factor": 0.3, "min_delta": 0.05, "min_lr": 0.01}, 3),
                ("train_loss", {"patience": 3, "factor": 0.8, "min_delta": 0}, 0)):
            with self.subTest(monitor=monitor, **options):
                config = self.small(optimizer={"sgd": {"lr": 0.4, "momentum": 0.9}},
                                    schedule={"plateau": {"monitor": monitor, **options}},
                                    train={"epochs": 40})
                self.train(config, "--overwrite", ranks=ranks)
                lines = experiments.metrics(self.path("run"))
                given = dict(options)
                optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
                scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
                    optimizer, "max" if monitor == "val_accuracy" else "min",
                    threshold=given.pop("min_delta"), threshold_mode="abs", eps=0, **given)
                want = []
                for line in lines:
                    want.append(optimizer.param_groups[0]["lr"])
                    scheduler.step(line[monitor])
                np.testing.assert_allclose([line["lr"] for line in lines], want, rtol=1e-8)
                self.assertGreater(len(set(want)), 3)


if __name__ == "__main__":
    lockstep_test.main()

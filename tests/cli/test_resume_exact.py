# processors: 2
# timeout: 600
"""Resuming is exact for everything that a config can name: N + M steps equal N steps, an end, and M
steps on other numbers of ranks and threads, bit for bit.

The names come from `lockstep train --help-config`, so that what is added to a table is covered. A
new kind of thing, or a required option without a value here, fails until this test knows where it
stands.
"""
import os
import re
import shutil

import numpy as np

import experiments
import lockstep_test
from experiments import dense
from small_runs import TestCase

REQUIRED = {"units": 5, "rate": 0.3, "factor": 0.5, "features": 4, "values": [0.5], "value": 0.1}

# Where a thing of a kind stands in the config. Initialisers are done before the first step.
KINDS = {
    "transform": lambda thing: {"data": {"transform": [thing]}},
    "layer": lambda thing: {"model": [dense(5), thing, dense(3)]},
    "loss": lambda thing: {"loss": thing},
    "optimizer": lambda thing: {"optimizer": thing},
    "initialiser": None,
}

# What goes with a thing that the common config does not suit.
WITH = {
    "softmax": {"model": [dense(5), "relu", dense(3), "softmax"]},
    "binary_cross_entropy": {"data": {"y": "/two"}, "model": [dense(1)]},
    "mse": {"data": {"y": "/values"}, "model": [dense(2)]},
}


def tables(text):
    """[(kind, name, options)] where an option is (name, its kind and default)."""
    found = []
    for line in text.splitlines():
        head = re.match(r"(\w+) (\w+): ", line)
        if head:
            found.append((head[1], head[2], []))
        elif found and re.match(r"  \w+ ", line):
            found[-1][2].append([line.split()[0], ""])
        elif found and found[-1][2] and line.startswith("     "):
            found[-1][2][-1][1] = line.strip()
    return found


class Exact(TestCase):
    def things(self):
        """(kind, a thing as it stands in a config): with its defaults, and with what is 0 by
        default switched on."""
        for kind, name, options in tables(self.ok("train", "--help-config").out):
            self.assertIn(kind, KINDS, "say in KINDS where such a thing stands in a config")
            if KINDS[kind] is None:
                continue
            needed, more = {}, {}
            for option, about in options:
                if about.endswith("required"):
                    self.assertIn(option, REQUIRED, f"give {kind} {name} a value")
                    needed[option] = REQUIRED[option]
                elif about.startswith("number") and about.endswith("default: 0"):
                    more[option] = 0.05
            yield kind, name, {name: needed}
            if more:
                yield kind, name, {name: {**needed, **more}}

    def config_for(self, kind, name, thing, strategy):
        changes = {"train": {"epochs": 3}, "optimizer": "adam",
                   "parallel": {"strategy": strategy}, **KINDS[kind](thing)}
        for key, value in WITH.get(name, {}).items():
            changes[key] = {**changes.get(key, {}), **value} if key == "data" else value
        rows = np.arange(90)
        config = self.small(**changes)
        experiments.write(self.path("d.h5"), {
            "X": experiments.matrix(90, 6, 1), "y": rows % 3, "two": rows % 2,
            "values": experiments.matrix(90, 2, 7), "split": (rows // 3 % 3 == 2).astype("u1")})
        return config

    def saved(self, run_dir):
        found = experiments.contents(self.path(run_dir, "checkpoints", "last.h5"))
        return {k: v for k, v in found.items()
                if k.startswith(("model", "optimizer", "transforms", "state"))}

    def resume(self, config, step, **options):
        """Goes on from one checkpoint of the straight run in a directory of its own."""
        run_dir = f"from-{step}"
        shutil.rmtree(self.path(run_dir), ignore_errors=True)
        os.makedirs(self.path(run_dir, "checkpoints"))
        name = f"step-{step:010}.h5"
        shutil.copy(self.path("straight", "checkpoints", name),
                    self.path(run_dir, "checkpoints", name))
        r = self.train(config, "--resume", run_dir=run_dir, **options)
        self.assertIn(f"{name} ", r.err)
        return run_dir

    def check(self, config, starts):
        self.train(config, "--overwrite", "--set", "checkpoint={every_steps: 1, keep: 99}",
                   run_dir="straight", threads=1)
        want = self.saved("straight")
        self.assertIn("model/0_dense/weight", want)
        for step, ranks, threads in starts:
            got = self.saved(self.resume(config, step, ranks=ranks, threads=threads))
            self.assertEqual(got.keys(), want.keys())
            self.assertEqual([k for k in want if got[k] != want[k]], [])

    def test_every_row_of_every_table(self):
        """5 steps an epoch, 3 epochs: on from inside the second epoch, and from its end."""
        count = 0
        for kind, name, thing in self.things():
            for strategy, starts in (("data", ((7, 3, 2), (10, 2, 1))), ("features", ((7, 3, 2),))):
                with self.subTest(kind=kind, thing=thing, strategy=strategy):
                    self.check(self.config_for(kind, name, thing, strategy), starts)
            count += 1
        self.assertGreater(count, 15)


lockstep_test.main()

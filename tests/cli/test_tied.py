# processors: 2
# timeout: 300
"""Layers that share weights (tied): a run's bits beyond what test_matrix.py shows, its plan, its
checkpoint and what is made of that, and the models and strategies that are refused."""
import json
import os

import h5py
import numpy as np

import experiments
import lockstep_test
from experiments import dense
from small_runs import TestCase


class Tied(TestCase):
    def config(self, model, inputs=43, **changes):
        """An autoencoder's: the targets are the inputs."""
        experiments.write(self.path("d.h5"), {"X": experiments.matrix(128, inputs, 1) / 4})
        return experiments.write_config(self.path("c.yaml"), {
            "data": {"file": "d.h5", "y": "/X", "split": {"val": 0.25}}, "model": model,
            "loss": "mse", "optimizer": {"adam": 0.01}, "batch": {"size": 32, "lanes": 8},
            "train": {"epochs": 3}, **changes})

    def hash_of(self, config, *args, ranks=1, env=None, program=lockstep_test.LOCKSTEP):
        r = lockstep_test.run("train", config, "--run-dir", self.path("run"), "--overwrite", *args,
                              ranks=ranks, env=env, program=program)
        self.assertEqual(r.code, 0, repr(r))
        return self.ok("inspect", self.path("run", "checkpoints", "last.h5"), "--hash").out

    def arrays(self):
        found = {}
        with h5py.File(self.path("run", "checkpoints", "last.h5"), "r") as f:
            f["model"].visititems(lambda name, node: found.update({name: node[...]})
                                  if isinstance(node, h5py.Dataset) else None)
        return found

    def test_one_array_serves_both(self):
        """What the checkpoint holds is all that predict takes: in numpy the same outputs. Sums of 43
        terms in float32 leave some 1e-6."""
        config = self.config([dense(29), "tanh", dense(7, bias=False), {"tied": {"to": 2, "bias": False}},
                              "sigmoid", {"tied": {"to": 0, "bias_init": {"constant": 0.5}}}])
        plan = self.train(config, "--dry-run", ranks=2).out
        self.assertRegex(plan, r"2_dense +29 -> 7 +203 parameters")
        self.assertRegex(plan, r"3_tied +7 -> 29 +0 parameters")
        self.assertRegex(plan, r"5_tied +29 -> 43 +43 parameters")
        self.assertRegex(plan, rf"parameters +{29 * 43 + 29 + 7 * 29 + 43:,}\n")
        self.train(config, ranks=2)
        w = self.arrays()
        self.assertEqual(sorted(w), ["0_dense/bias", "0_dense/weight", "2_dense/weight", "5_tied/bias"])
        facts = json.loads(self.ok("inspect", self.path("run"), "--json").out)
        self.assertEqual({p["name"]: p["shape"] for p in facts["parameters"]["arrays"]},
                         {name: list(a.shape) for name, a in w.items()})
        with h5py.File(self.path("d.h5"), "r") as f:
            x = f["X"][...]
        h = np.tanh(x @ w["0_dense/weight"].T + w["0_dense/bias"]) @ w["2_dense/weight"].T
        wanted = (1 / (1 + np.exp(-h @ w["2_dense/weight"]))) @ w["0_dense/weight"] + w["5_tied/bias"]
        for ranks in (0, 3):
            self.ok("predict", self.path("run", "checkpoints", "last.h5"), "--data", self.path("d.h5"),
                    "-o", self.path("p.h5"), ranks=ranks)
            with h5py.File(self.path("p.h5"), "r") as f:
                np.testing.assert_allclose(f["outputs"][...], wanted, rtol=0, atol=1e-5)
            told = json.loads(self.ok("evaluate", self.path("run", "checkpoints", "last.h5"), "--data",
                                      self.path("d.h5"), "--json", ranks=ranks).out)
            self.assertAlmostEqual(told["loss"], ((wanted - x) ** 2).mean(), delta=1e-6)

    def test_panels(self):
        """1.4 million weights that two layers use, in panels that are multiplied, sent and updated one by
        one; with and without memory that the ranks share."""
        config = self.config([dense(700), "relu", {"tied": 0}], inputs=2000,
                             optimizer={"sgd": {"lr": 0.01, "momentum": 0.9}}, train={"epochs": 2})
        for gemm in ("openblas", "auto"):
            args = ("--set", f"compute.gemm={gemm}", "--set", "parallel.sharing_ranks=")
            want = self.hash_of(config, *args[:2])
            for ranks, sharing in ((2, 1), (3, 1), (3, 3), (4, 2)):
                with self.subTest(gemm=gemm, ranks=ranks, sharing=sharing):
                    self.assertEqual(self.hash_of(config, *args[:3], f"{args[3]}{sharing}",
                                                  ranks=ranks), want)

    def test_frozen(self):
        """Weights that stay, whatever learns around them, bit by bit; those of all others move."""
        def frozen(units, **options):
            return dense(units, frozen=True, **options)
        for model, stays in (
                ([frozen(29), "tanh", {"tied": 0}], {"0_dense"}),
                ([frozen(29), "tanh", {"tied": {"to": 0, "bias": False}}, dense(43)], {"0_dense"}),
                ([dense(9), frozen(29), "tanh", {"tied": 1}, dense(43)], {"1_dense"}),
                ([frozen(29), {"residual": {"layers": [dense(9), {"tied": 0}]}}, {"tied": 0}],
                 {"0_dense"}),
                ([dense(29), "tanh", {"tied": {"to": 0, "frozen": True}}], {"2_tied"})):
            with self.subTest(model=model):
                config = self.config(model)
                self.train(config, "--overwrite", "--set", "optimizer.adam.lr=0")
                first = self.arrays()
                hashes = {self.hash_of(config, ranks=ranks) for ranks in (1, 2, 3)}
                self.assertEqual(len(hashes), 1)
                for name, w in self.arrays().items():
                    self.assertEqual(np.array_equal(w, first[name]), name.split("/")[0] in stays, name)

    def test_strategies(self):
        """The ranks may share the columns of a first layer, but not of one that another is tied to."""
        behind = self.config([dense(29), "tanh", dense(9), {"tied": 2}, dense(43)],
                             parallel={"strategy": "features"})
        self.assertEqual(len({self.hash_of(behind, ranks=n) for n in (1, 2, 3)}), 1)
        config = self.config([{"dropout": 0.1}, dense(29), "tanh", {"tied": 1}])
        self.fails(2, "train", config, "--run-dir", self.path("new"), "--set",
                   "parallel.strategy=features", ranks=(0, 2), alone=True,
                   says=["parallel.strategy: features is not for this model: a layer that is tied to "
                         "the first dense one needs all of its weights", "hint: use "
                         "parallel.strategy: data"])
        self.assertFalse(os.path.exists(self.path("new")))
        wide = self.config([dense(3), "tanh", {"tied": 0}], inputs=8192)
        self.assertIn("\nstrategy    data: a layer that is tied to the first dense one needs all of its",
                      self.train(wide, "--dry-run").out)

    def test_refusals(self):
        for model, says in (
                ([dense(29), {"tied": 1}], ["model.1: it is tied to layer 1, which is none before it"]),
                ([dense(29), {"tied": {}}], ["model.1.tied", "to"]),
                ([dense(29), dense(5), {"tied": 0}],
                 ["model.2: 5 features come in, but model.0, whose weights it uses, makes 29",
                  "hint: let the layer before it make 29 features"])):
            with self.subTest(says=says):
                self.fails(2, "train", self.config(model), "--run-dir", self.path("run"),
                           ranks=(0, 2), says=says)

    def test_operations(self):
        """A matrix that two layers multiply by counts twice: three products more."""
        for model, products in (([dense(29), "tanh", {"tied": 0}], 5 * 43 * 29),
                                ([dense(29), dense(5), {"tied": 1}, dense(43)],
                                 2 * 43 * 29 + 6 * 29 * 5 + 3 * 43 * 29)):
            out = self.ok("bench", "step", self.config(model), "--repeats", 1).out
            self.assertEqual(json.loads(out.splitlines()[1])["flops"], 2 * 32 * products)


if __name__ == "__main__":
    lockstep_test.main()

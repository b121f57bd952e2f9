# processors: 2
# timeout: 300
"""Strategy features: the ranks share the columns of a wide first layer. That its bits do not depend
on ranks and threads is shown in test_matrix.py; here that it computes what strategy data computes,
when it is chosen, and what is refused."""
import json

import h5py
import numpy as np

import experiments
import lockstep_test
from experiments import dense
from small_runs import TestCase


class Features(TestCase):
    def model(self, run_dir, name="last.h5"):
        with h5py.File(self.path(run_dir, "checkpoints", name)) as f:
            return {k: f["model"][k][...] for k in
                    ("1_dense/weight", "1_dense/bias", "3_dense/weight", "3_dense/bias")}

    def config(self, strategy, **changes):
        return self.small(f"{strategy}.yaml", **{
            "model": [{"dropout": 0.2}, dense(7), "tanh", dense(3)], "optimizer": "adam",
            "parallel": {"strategy": strategy}, **changes})

    def test_equals_data(self):
        """Both sum the same numbers, in another order: float32 sums of 6 to 60 terms, after 15
        steps of Adam, which divides by the gradient's own size, agree to some 1e-6."""
        for strategy in ("data", "features"):
            self.train(self.config(strategy), run_dir=strategy, ranks=2)
        a, b = self.model("data"), self.model("features")
        for name in a:
            np.testing.assert_allclose(a[name], b[name], rtol=0, atol=2e-5, err_msg=name)
            self.assertGreater(np.abs(a[name]).max(), 0)
        for x, y in zip(experiments.metrics(self.path("data")),
                        experiments.metrics(self.path("features"))):
            self.assertAlmostEqual(x["train_loss"], y["train_loss"], delta=1e-5)
            self.assertAlmostEqual(x["val_loss"], y["val_loss"], delta=1e-5)

    def resolved(self, config, *args):
        self.train(config, "--overwrite", "--set", "train.epochs=1", *args)
        text = self.text("run", "config.yaml")
        return text[text.index("strategy: "):].split()[1]

    def test_auto(self):
        """It follows from the config and the number of inputs after the transforms."""
        config = self.config("auto", data={"file": "w.h5", "split": {"val": 0.2}})
        experiments.classes(self.path("w.h5"), 90, 8192, 3)
        self.assertEqual(self.resolved(config), "features")
        self.assertEqual(self.resolved(config, "--set", "data.transform=[{select: 8191}]"), "data")
        self.assertEqual(self.resolved(config, "--set", "model.0=softmax"), "data")
        self.assertEqual(self.resolved(config, "--set", "batch={size: 4096}"), "data")
        self.assertEqual(self.resolved(config, "--set", "batch={size: 66, lanes: 33}"), "data")
        self.assertEqual(self.resolved(self.config("auto")), "data")

    def test_resume_keeps_it(self):
        self.train(self.config("features"), "--set", "train.epochs=1", ranks=3)
        self.train(self.config("auto"), "--resume", ranks=2)
        r = lockstep_test.run("train", self.config("data"), "--run-dir", self.path("run"),
                              "--resume", "--set", "train.epochs=9")
        self.assertEqual(r.code, 2, repr(r))
        self.assertIn("parallel.strategy differs", r.err)

    def refused(self, code, says, *args, ranks=2):
        r = lockstep_test.run(*args, ranks=ranks)
        self.assertEqual((r.code, r.err.count("lockstep: error:")), (code, 1), repr(r))
        for text in says:
            self.assertIn(text, r.err)

    def test_refusals(self):
        run = ("--run-dir", self.path("run"))
        config = self.config("features", model=["softmax", dense(3)])
        self.refused(2, ["parallel.strategy", "elementwise", "hint:"], "train", config, *run)
        config = self.config("features")
        self.refused(2, ["3 ranks are more than the 2 blocks of columns"], "train", config, *run,
                     "--set", "data.transform=[{select: 2}]", ranks=3)
        two = ("--set", "data.transform=[{select: 2}]")
        self.train(config, *two, "--set", "train.epochs=1")
        for command in (["evaluate", self.path("run")], ["train", config, *run, "--resume", *two]):
            self.refused(2, ["3 ranks are more than the 2 blocks of columns"], *command, ranks=3)
        with h5py.File(self.path("d.h5"), "r+") as f:
            f["X"][4, 5] = np.nan
        self.refused(3, ["/X: row 4, column 5", "d.h5"], "train", config, *run, "--overwrite")

    def test_features_in_another_order(self):
        """evaluate and predict find the columns by name, wherever they are in the file."""
        names = [f"g{i}" for i in range(6)]
        config = self.config("features", data={"split": {"val": 0.3}})
        with h5py.File(self.path("d.h5"), "r+") as f:
            f["features"] = names
            x, y = f["X"][...], f["y"][...]
        self.train(config)
        order = [4, 0, 5, 2, 1, 3]
        experiments.write(self.path("turned.h5"), {
            "X": np.hstack([np.full((90, 1), 9, "f4"), x[:, order]]), "y": y,
            "features": ["more"] + [names[i] for i in order]})
        want = json.loads(self.ok("evaluate", self.path("run"), "--data", self.path("d.h5"),
                                  "--json").out)
        for ranks in (1, 2, 3):
            got = json.loads(self.ok("evaluate", self.path("run"), "--data",
                                     self.path("turned.h5"), "--json", ranks=ranks).out)
            self.assertEqual(got["loss"], want["loss"])
            self.ok("predict", self.path("run"), "--data", self.path("turned.h5"), "-o",
                    self.path("p.csv"), ranks=ranks)
            self.ok("predict", self.path("run"), "--data", self.path("d.h5"), "-o",
                    self.path("q.csv"))
            self.assertEqual(self.text("p.csv"), self.text("q.csv"))

    def test_plan(self):
        """A dry run tells the strategy, all of the model, and what is sent."""
        config = self.config("features")
        text = self.ok("train", config, "--run-dir", self.path("run"), "--dry-run", ranks=3).out
        self.assertIn("strategy features", text)
        self.assertRegex(text, r"1_dense +6 -> 7 +49 parameters")
        self.assertRegex(text, r"parameters +73")


lockstep_test.main()

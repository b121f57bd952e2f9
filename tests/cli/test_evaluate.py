"""evaluate and predict against a forward pass in numpy.

The oracle takes the weights and the assignment of rows from the checkpoint, everything else
(transforms, layers, metrics) it computes by itself in float64.
"""
import csv
import json

import h5py
import numpy as np

import experiments
import lockstep_test
from experiments import dense

# Outputs are sums of some tens of float32 products of size 1: a few 1e-7 each.
CLOSE = 2e-5


class Oracle:
    """The trained model of a run: what it says of a matrix of raw values."""

    ACTIVATION = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh,
                  "sigmoid": lambda z: 1 / (1 + np.exp(-z))}

    def __init__(self, config, data, checkpoint):
        with open(config, encoding="utf-8") as f:
            self.config = json.load(f)
        with h5py.File(data, "r") as f:
            x = f["X"][()].astype("f8")
        with h5py.File(checkpoint, "r") as f:
            self.part = f["split"][()]
            self.weights = {g: {n: a[()].astype("f8") for n, a in f["model"][g].items()}
                            for g in f["model"]}
        self.steps = []
        x = x[self.part == 0]
        for transform in self.config["data"].get("transform", []):
            self.steps.append(self.fit(transform, x))
            x = self.steps[-1](x)

    @staticmethod
    def fit(transform, x):
        if transform == "log1p":
            return np.log1p
        if transform == "log2p1":
            return lambda v: np.log2(1 + v)
        if transform == "standardize":
            mean, std = x.mean(axis=0), x.std(axis=0)
            return lambda v: (v - mean) / std
        if transform == "center":
            mean = x.mean(axis=0)
            return lambda v: v - mean
        if transform == "minmax":
            low, high = x.min(axis=0), x.max(axis=0)
            return lambda v: (v - low) / (high - low)
        if "scale" in transform:
            return lambda v: v * transform["scale"]
        chosen = np.sort(np.argsort(-x.var(axis=0), kind="stable")[:transform["select"]])
        return lambda v: v[:, chosen]

    def outputs(self, x):
        """The last layer's values, before a sigmoid or softmax at the end."""
        x = x.astype("f8")
        for step in self.steps:
            x = step(x)
        layers = [m if isinstance(m, str) else next(iter(m)) for m in self.config["model"]]
        while layers[-1] in ("softmax", "sigmoid"):
            layers.pop()
        for i, layer in enumerate(layers):
            if layer == "dense":
                w = self.weights[f"{i}_dense"]
                x = x @ w["weight"].T + w.get("bias", 0)
            elif layer != "dropout":
                x = self.ACTIVATION[layer](x)
        return x

    def probabilities(self, x):
        z = self.outputs(x)
        if z.shape[1] == 1:
            p = 1 / (1 + np.exp(-z))
            return np.concatenate([1 - p, p], axis=1)
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return z / z.sum(axis=1, keepdims=True)


def read(path, *names):
    with h5py.File(path, "r") as f:
        values = [f[n].asstr()[()] if h5py.check_string_dtype(f[n].dtype) else f[n][()] for n in names]
    return values if len(values) > 1 else values[0]


class Evaluate(lockstep_test.TestCase):
    def train(self, name, **changes):
        self.config = experiments.make(self.dir, name, **changes)
        self.data, self.run_dir = self.path(f"{name}.h5"), self.path("run")
        self.ok("train", self.config, "--run-dir", self.run_dir)
        self.oracle = Oracle(self.config, self.data, f"{self.run_dir}/checkpoints/best.h5")
        self.x, self.y = read(self.data, "X", "y")

    def evaluate(self, *args, ranks=0):
        return json.loads(self.ok("evaluate", self.run_dir, *args, "--json", ranks=ranks).out)

    def check_classes(self, metrics, x, y):
        p = self.oracle.probabilities(x)
        self.assertEqual(metrics["samples"], len(y))
        # Nine digits are printed.
        self.assertAlmostEqual(metrics["accuracy"], (p.argmax(axis=1) == y).mean(), delta=1e-8)
        loss = -np.log(p[np.arange(len(y)), y]).mean()
        self.assertAlmostEqual(metrics["loss"], loss, delta=CLOSE)

    def test_classes(self):
        self.train("classes")
        part = self.oracle.part
        # 706.3, 201.8 and 100.9 rows of 1009, cut class by class.
        self.assertEqual([np.sum(part == p) for p in range(3)], [706, 202, 101])
        for p, split in enumerate(("train", "val", "test")):
            metrics = self.evaluate("--split", split)
            self.assertEqual(metrics["split"], split)
            self.check_classes(metrics, self.x[part == p], self.y[part == p])
        # Without --data: the test rows; with it: all rows, whatever the split.
        metrics = self.evaluate(ranks=3)
        self.assertEqual((metrics["split"], metrics["data"]), ("test", self.data))
        self.assertEqual(metrics["checkpoint"], f"{self.run_dir}/checkpoints/best.h5")
        metrics = self.evaluate("--data", self.data)
        self.assertEqual(metrics["split"], "all")
        self.check_classes(metrics, self.x, self.y)
        metrics = self.evaluate("--data", self.data, "--split", "test")
        self.check_classes(metrics, self.x[part == 2], self.y[part == 2])
        # The lines for people hold the same numbers.
        text = self.ok("evaluate", self.run_dir).out
        self.assertRegex(text, rf"accuracy +{self.evaluate()['accuracy']:.6g}\n")

    def test_without_a_test_part(self):
        self.train("wide")
        metrics = self.evaluate()
        self.assertEqual(metrics["split"], "val")
        val = self.oracle.part == 1
        self.check_classes(metrics, self.x[val], self.y[val])

    def test_the_last_epoch_of_the_run_is_evaluated_alike(self):
        """What metrics.jsonl says of the validation rows is what evaluate says."""
        self.train("classes")
        last = experiments.metrics(self.run_dir)[-1]
        metrics = json.loads(self.ok("evaluate", self.path("run", "checkpoints", "last.h5"),
                                     "--split", "val", "--json").out)
        self.assertEqual((metrics["loss"], metrics["accuracy"]),
                         (last["val_loss"], last["val_accuracy"]))

    def test_values(self):
        self.train("values")
        z = self.oracle.outputs(self.x)
        squares, y = (z - self.y) ** 2, self.y.astype("f8")
        for ranks in (0, 3):
            metrics = self.evaluate("--data", self.data, ranks=ranks)
            self.assertEqual(metrics["samples"], len(y))
            for name, value in (("mse", squares.mean()), ("loss", 0.5 * squares.mean()),
                                ("mae", abs(z - y).mean()),
                                ("r2", (1 - squares.sum(axis=0)
                                        / ((y - y.mean(axis=0)) ** 2).sum(axis=0)).mean())):
                self.assertAlmostEqual(metrics[name] / value, 1, delta=CLOSE, msg=name)
            self.assertNotIn("accuracy", metrics)

    def test_binary(self):
        self.train("binary")
        self.check_classes(self.evaluate("--data", self.data), self.x, self.y)

    # ---- other datasets ----

    def test_classes_and_features_by_name(self):
        """A dataset whose classes are some of the model's, in another order, and whose features
        stand in another order among others."""
        names, features = ["a", "b", "c", "d", "e"], [f"g{i}" for i in range(37)]
        self.config = experiments.make(self.dir, "classes")
        self.data, self.run_dir = self.path("classes.h5"), self.path("run")
        experiments.classes(self.data, 1009, 37, 5, {"features": features, "classes": names})
        self.ok("train", self.config, "--run-dir", self.run_dir)
        self.oracle = Oracle(self.config, self.data, f"{self.run_dir}/checkpoints/best.h5")
        x, y = read(self.data, "X", "y")
        keep = np.isin(y, [1, 3, 4])
        order = np.random.default_rng(1).permutation(37)
        other = self.path("o.h5")
        theirs = ["e", "b", "unused", "d"]
        code = np.array([0, 1, 0, 3, 0])  # of our b, d, e among theirs
        columns = np.concatenate([x[keep][:, order[:20]], np.full((keep.sum(), 1), 7, "f4"),
                                  x[keep][:, order[20:]]], axis=1)
        arrays = {"X": columns, "y": code[y[keep]], "classes": theirs,
                  "features": [*(features[j] for j in order[:20]), "extra",
                               *(features[j] for j in order[20:])]}
        experiments.write(other, arrays)
        for ranks in (0, 3):
            r = self.ok("evaluate", self.run_dir, "--data", other, "--json", ranks=ranks)
            self.check_classes(json.loads(r.out), x[keep], y[keep])
            self.assertIn("1 features that the model does not take are ignored", r.err)
        # The same as text labels, and with a class that the model has never seen.
        text = np.array(theirs, dtype=object)[arrays["y"]]
        text[:5] = "stranger"
        del arrays["classes"]
        experiments.write(other, {**arrays, "y": text})
        self.fails(3, "evaluate", self.run_dir, "--data", other, ranks=(1, 3),
                   says=["'stranger'", "rows: 5", "--ignore-unknown"])
        for ranks in (0, 3):
            r = self.ok("evaluate", self.run_dir, "--data", other, "--json", "--ignore-unknown",
                        ranks=ranks)
            self.check_classes(json.loads(r.out), x[keep][5:], y[keep][5:])
            self.assertIn("'stranger'", r.err)
        # Rows with a blank label are left out with a count.
        text[:5] = ""
        experiments.write(other, {**arrays, "y": text})
        r = self.ok("evaluate", self.run_dir, "--data", other, "--json")
        self.check_classes(json.loads(r.out), x[keep][5:], y[keep][5:])
        self.assertIn("5 rows without a label are left out", r.err)

    def test_other_layout_and_types(self):
        """The config says where the arrays are and how they lie; a checkpoint remembers it."""
        x, y = experiments.matrix(211, 5, 3), np.arange(211) % 3
        x[np.arange(211), y] += 2
        data = self.path("d.h5")
        with h5py.File(data, "w") as f:
            f["m/counts"] = (x.T * 16).astype("i2")
            f["labels"] = y.astype("u1")
        config = experiments.write_config(self.path("c.yaml"), {
            "data": {"file": data, "x": "/m/counts", "y": "/labels",
                     "layout": "features_by_samples", "transform": ["standardize"]},
            "model": [dense(3)], "loss": "softmax_cross_entropy", "optimizer": {"adam": 0.05},
            "train": {"epochs": 5}})
        self.run_dir = self.path("run")
        self.ok("train", config, "--run-dir", self.run_dir, ranks=2)
        experiments.write(self.path("plain.h5"), {"X": x * 16})
        self.oracle = Oracle(config, self.path("plain.h5"),
                             f"{self.run_dir}/checkpoints/best.h5")
        self.check_classes(self.evaluate("--data", data), x * 16, y)

    # ---- predict ----

    def predict(self, out, *args, ranks=0):
        self.ok("predict", self.run_dir, "--data", self.data, "-o", self.path(out), *args,
                ranks=ranks)
        return self.path(out)

    def read_csv(self, path):
        with open(path, newline="", encoding="utf-8") as f:
            rows = list(csv.reader(f))
        return rows[0], rows[1:]

    def test_predict_classes(self):
        names = ["plain", 'with "quotes"', "with, comma", "d", "\u00e9"]
        self.config = experiments.make(self.dir, "classes")
        self.data, self.run_dir = self.path("classes.h5"), self.path("run")
        samples = [f"s{i}" for i in range(1009)]
        experiments.classes(self.data, 1009, 37, 5, {"classes": names, "samples": samples})
        self.ok("train", self.config, "--run-dir", self.run_dir)
        self.oracle = Oracle(self.config, self.data, f"{self.run_dir}/checkpoints/best.h5")
        p = self.oracle.probabilities(read(self.data, "X"))
        best = p.argmax(axis=1)
        with h5py.File(self.data, "r+") as f:
            del f["y"]  # nothing but X is needed
        for ranks in (0, 3):
            header, rows = self.read_csv(self.predict("p.csv", ranks=ranks))
            self.assertEqual(header, ["sample", "class", "name", *names])
            self.assertEqual([r[0] for r in rows], samples)
            self.assertEqual([int(r[1]) for r in rows], list(best))
            self.assertEqual([r[2] for r in rows], [names[c] for c in best])
            np.testing.assert_allclose(np.array([r[3:] for r in rows], "f8"), p, atol=CLOSE)
            out = self.predict("p.h5", ranks=ranks)
            for name, value in (("samples", samples), ("class", best),
                                ("name", [names[c] for c in best]), ("classes", names)):
                np.testing.assert_array_equal(read(out, name), value, err_msg=name)
            np.testing.assert_allclose(read(out, "probabilities"), p, atol=CLOSE)
            # %.9g tells every float32 apart: both files hold the same numbers.
            np.testing.assert_array_equal(np.array([r[3:] for r in rows], "f4"),
                                          read(out, "probabilities"))

    def test_predict_binary(self):
        self.train("binary")
        p = self.oracle.probabilities(self.x)
        header, rows = self.read_csv(self.predict("p.csv", ranks=2))
        self.assertEqual(header, ["sample", "class", "name", "no", "yes"])
        # Without ids: the numbers of the rows.
        self.assertEqual([r[0] for r in rows], [str(i) for i in range(331)])
        np.testing.assert_allclose(np.array([r[3:] for r in rows], "f8"), p, atol=CLOSE)
        self.assertEqual([r[2] for r in rows], [["no", "yes"][c] for c in p.argmax(axis=1)])

    def test_predict_values(self):
        self.train("values")
        z = self.oracle.outputs(self.x)
        header, rows = self.read_csv(self.predict("p.csv"))
        self.assertEqual(header, ["sample", "output0", "output1", "output2"])
        np.testing.assert_allclose(np.array([r[1:] for r in rows], "f8"), z, atol=10 * CLOSE)
        with h5py.File(self.predict("p.h5", ranks=3), "r") as f:
            self.assertEqual(sorted(f), ["outputs"])
            np.testing.assert_allclose(f["outputs"][()], z, atol=10 * CLOSE)

    def test_predict_one_class(self):
        """A model of a single class says that class with certainty, whatever its output."""
        x = experiments.matrix(50, 4, 1)
        self.data, self.run_dir = self.path("d.h5"), self.path("run")
        experiments.write(self.data, {"X": x, "y": np.zeros(50, "i4"), "classes": ["only"]})
        config = experiments.write_config(self.path("c.yaml"), {
            "data": {"file": self.data}, "loss": "softmax_cross_entropy",
            "model": [dense(1, bias_init={"constant": 5})], "train": {"epochs": 1}})
        self.ok("train", config, "--run-dir", self.run_dir)
        _, rows = self.read_csv(self.predict("p.csv"))
        self.assertEqual([r[1:] for r in rows], [["0", "only", "1"]] * 50)
        metrics = self.evaluate("--data", self.data)
        self.assertEqual((metrics["accuracy"], metrics["loss"]), (1, 0))

    def test_predict_replaces_a_file(self):
        self.train("values")
        old = self.write("p.csv", "old\n")
        self.assertIn("output0", self.read_csv(self.predict("p.csv"))[0])
        self.assertEqual(old, self.path("p.csv"))


if __name__ == "__main__":
    lockstep_test.main()

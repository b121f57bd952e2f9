"""Evaluation and prediction match features and classes by name: a dataset with the same rows in
another shape gives the same numbers, and what can not be matched is said."""
# timeout: 600
import json

import h5py
import numpy as np

import lockstep_test

CONFIG = """\
name: run
seed: 1
data:
  file: d.h5
  split: {train: 0.6, val: 0.2, test: 0.2}
  transform: [log1p, select: 11, standardize]
model: [dense: {units: 8}, relu, dense: {units: 4}]
loss: softmax_cross_entropy
optimizer: {adam: {lr: 0.02}}
batch: {size: 16, lanes: 4}
train: {epochs: 8}
"""
N, D = 200, 12
CLASSES = ["liver", "lung", "skin", "brain"]


class Match(lockstep_test.TestCase):
    def setUp(self):
        super().setUp()
        r = np.random.default_rng(3)
        self.y = r.integers(0, 4, N)
        self.x = (r.random((N, D)) * 3 + 5 * r.random((4, D))[self.y]).astype("f4")
        self.genes = [f"g{j}" for j in range(D)]
        self.names = True

    def data(self, name, x=None, y=None, genes=None, classes=None):
        path = self.path(name)
        with h5py.File(path, "w") as f:
            f["X"] = self.x if x is None else x
            f["y"] = self.y if y is None else y
            if self.names:
                f["features"] = genes or self.genes
                f["classes"] = classes or CLASSES
        return path

    def train(self):
        self.data("d.h5")
        self.ok("train", self.write("c.yaml", CONFIG), "--run-dir", self.path("run"), ranks=2,
                cwd=self.dir)

    def evaluate(self, path, *args, **options):
        r = self.ok("evaluate", self.path("run"), "--data", path, "--json", *args, **options)
        d = json.loads(r.out)
        return (d["samples"], d["loss"], d["accuracy"]), r.err

    def refused(self, path, says, ranks=(1, 3)):
        self.fails(3, "evaluate", self.path("run"), "--data", path, says=says, ranks=ranks)

    def test_by_name(self):
        self.train()
        want, _ = self.evaluate(self.path("d.h5"))
        self.assertGreater(want[2], 0.6)  # learned at all: chance is 0.25
        order = np.random.default_rng(0).permutation(D)
        x = np.concatenate([self.x[:, order], np.full((N, 2), 1e6, "f4")], axis=1)
        genes = [self.genes[j] for j in order] + ["other1", "other2"]
        codes = np.array([2, 0, 3, 1])  # where each class is now
        classes = ["lung", "brain", "liver", "skin"]
        self.assertEqual([classes[c] for c in codes], CLASSES)
        moved = self.data("moved.h5", x, codes[self.y], genes, classes)
        for ranks in (0, 3):
            got, err = self.evaluate(moved, ranks=ranks)
            self.assertEqual(got, want)
            self.assertIn("2 features that the model does not take are ignored", err)
        x[7, 3] = -2
        self.refused(self.data("low.h5", x, codes[self.y], genes, classes),
                     f"/X: row 7, column 3 ({genes[3]}): log1p can not take -2", ranks=(1,))
        # A subset of the classes, with only their rows.
        keep = self.y != 1
        some = self.data("some.h5", self.x[keep], np.array([1, -1, 2, 0])[self.y[keep]],
                         classes=["brain", "liver", "skin"])
        got, _ = self.evaluate(some)
        self.assertEqual(got[0], keep.sum())
        # Predictions do not depend on the dataset's order either.
        out = []
        for name, path in (("a.h5", self.path("d.h5")), ("b.h5", moved)):
            self.ok("predict", self.path("run"), "--data", path, "-o", self.path(name))
            with h5py.File(self.path(name)) as f:
                out.append({k: f[k][()].tolist() for k in f if f[k].shape[:1] == (N,)})
        self.assertEqual(out[0], out[1])

    def test_what_does_not_match(self):
        self.train()
        path = self.data("u.h5", classes=["liver", "lung", "skin", "bone"])
        unknown = int((self.y == 3).sum())
        self.refused(path, ["classes that the model does not know: 'bone'",
                            f"(rows: {unknown})", "--ignore-unknown"])
        got, err = self.evaluate(path, "--ignore-unknown")
        self.assertEqual(got[0], N - unknown)
        self.assertIn(f"'bone' (rows: {unknown})", err)
        path = self.data("m.h5", self.x[:, 2:], genes=self.genes[2:])
        self.refused(path, "2 of the model's 12 features are missing: 'g0', 'g1'")
        x = self.x.copy()
        x[150, 4] = np.nan
        self.refused(self.data("n.h5", x), "/X: row 150, column 4 (g4): missing value")

    def test_without_names(self):
        self.names = False
        self.train()
        want, _ = self.evaluate(self.path("d.h5"))
        self.refused(self.data("w.h5", np.ones((N, 11), "f4")),
                     "/X has 11 features, the model takes 12", ranks=(1,))
        self.refused(self.data("w.h5", y=self.y + 1), "does not know: '4'", ranks=(1,))
        _, err = self.evaluate(self.path("d.h5"))
        self.assertNotIn("warning", err)
        self.names = True
        got, err = self.evaluate(self.data("named.h5"), ranks=2)
        self.assertEqual(got, want)
        for what, array in (("features", "/features"), ("classes", "/classes")):
            self.assertIn(f"named.h5: {what} are matched by position, as only the dataset names "
                          f"them ({array})", err)

    def test_names_on_the_side_of_the_model_only(self):
        self.train()
        want, err = self.evaluate(self.path("d.h5"))
        self.assertNotIn("warning", err)
        self.names = False
        got, err = self.evaluate(self.data("bare.h5"))
        self.assertEqual(got, want)
        self.assertEqual(err.count("bare.h5: features are matched by position, as only the model"), 1)
        self.assertEqual(err.count("bare.h5: classes are matched by position, as only the model"), 1)


if __name__ == "__main__":
    lockstep_test.main()

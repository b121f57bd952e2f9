"""Transforms that mix columns, beside NumPy and scikit-learn: what is fitted, in a checkpoint, and what
comes of rows; the same bits from any ranks, threads, memory; what is refused.

# timeout: 300
# processors: 2
"""
import os

import h5py
import numpy as np

import experiments
import lockstep_test
from experiments import dense

ROWS = 331


def counts(rows, columns, seed):
    """Skewed whole numbers, many of them 0."""
    wide = experiments.integers(rows * columns, seed, 1000).reshape(rows, columns)
    return (wide * wide * wide // 10 ** 7 * (1 + np.arange(columns) % 7)).astype("f4")


class Mixing(lockstep_test.TestCase):
    def setUp(self):
        super().setUp()
        self.train = np.arange(ROWS) % 4 != 1

    def run_chain(self, x, chain, outputs, ranks=0, **arrays):
        """(the groups of the transforms in a checkpoint, all rows as the model sees them): a layer that
        hands its input on, which a learning rate of 0 leaves as it is."""
        experiments.write(self.path("d.h5"), {
            "X": x, "y": np.zeros((len(x), outputs), "f4"),
            "split": np.where(self.train[:len(x)], 0, 1).astype("u1"), **arrays})
        config = experiments.write_config(self.path("c.yaml"), {
            "data": {"file": "d.h5", "transform": chain, "block_rows": 8},
            "model": [dense(outputs, bias=False, init={"values": np.eye(outputs).tolist()})],
            "loss": "mse", "optimizer": {"sgd": 0}, "batch": {"size": 32}, "train": {"epochs": 1}})
        self.ok("train", config, "--run-dir", self.path("run"), "--overwrite", ranks=ranks)
        with h5py.File(self.path("run", "checkpoints", "last.h5")) as f:
            steps = {name: {k: d[...] for k, d in g.items()} for name, g in f["transforms"].items()
                     if isinstance(g, h5py.Group)}
        self.ok("predict", self.path("run"), "--data", self.path("d.h5"), "-o", self.path("p.h5"))
        with h5py.File(self.path("p.h5")) as f:
            return steps, f["outputs"][...]

    def near(self, got, wanted, most, what=""):
        """To `most` of the largest value of the column."""
        self.assertEqual(got.shape, wanted.shape, what)
        scale = np.maximum(np.abs(wanted).max(axis=0), 1e-6)
        self.assertLess(np.max(np.abs(got - wanted) / scale), most, what)

    # ---- cpm ----

    def test_cpm(self):
        """Widths within one block of columns and over several; float32 holds 6e-8 of a value, and its
        logarithm's deviation is a tenth of the logarithm or more."""
        for columns in (37, 700):
            x = counts(ROWS, columns, 1)
            x[7] = 0
            total = x.sum(axis=1, keepdims=True, dtype="f8")
            cpm = np.divide(x * 1e6, total, out=np.zeros(x.shape), where=total > 0)
            _, rows = self.run_chain(x, ["cpm"], columns)
            self.near(rows, cpm, 1e-7)
            for ranks in (1, 3):
                steps, rows = self.run_chain(x, ["cpm", "log1p", "standardize"], columns, ranks)
                log = np.log1p(cpm)
                self.near(steps["2_standardize"]["mean"], log[self.train].mean(axis=0), 1e-6)
                wanted = (log - log[self.train].mean(axis=0)) / log[self.train].std(axis=0)
                self.near(rows, wanted, 1e-5, f"{columns} columns, {ranks} ranks")

    def test_cpm_refuses_negative_values(self):
        x = counts(ROWS, 37, 1)
        x[8, 5] = -2
        for chain in (["cpm"], ["cpm", "center"]):
            experiments.write(self.path("d.h5"), {"X": x, "y": np.arange(ROWS) % 3,
                                                  "features": [f"g{i}" for i in range(37)]})
            config = experiments.write_config(self.path("c.yaml"), {
                "data": {"file": "d.h5", "transform": chain, "split": {"train": 1.0}},
                "model": [dense(3)], "loss": "softmax_cross_entropy", "optimizer": "sgd",
                "batch": {"size": 32}})
            self.fails(3, "train", config, "--run-dir", self.path("bad"), "--overwrite",
                       says=["/X: row 8, column 5 (g5): cpm can not take -2", "never negative"],
                       ranks=(0, 3), alone=True)

    # ---- polynomial ----

    def test_polynomial(self):
        preprocessing = lockstep_test.need_module("sklearn.preprocessing").preprocessing
        x = experiments.matrix(ROWS, 7, 3) - 2
        for only in (False, True):
            features = preprocessing.PolynomialFeatures(2, include_bias=False, interaction_only=only)
            wanted = features.fit_transform(x.astype("f8"))
            step = {"polynomial": {"interactions_only": only}}
            _, rows = self.run_chain(x, [step], wanted.shape[1])
            self.near(rows, wanted, 1e-7)
            scaled = preprocessing.StandardScaler().fit(wanted[self.train]).transform(wanted)
            for ranks in (1, 3):
                _, rows = self.run_chain(x, [step, "standardize"], wanted.shape[1], ranks)
                self.near(rows, scaled, 1e-6, f"{only}, {ranks} ranks")

    # ---- one_hot ----

    def test_one_hot(self):
        preprocessing = lockstep_test.need_module("sklearn.preprocessing").preprocessing
        x = experiments.matrix(ROWS, 6, 5)
        x[:, 2], x[:, 4] = np.arange(ROWS) % 5, np.arange(ROWS) // 3 % 3
        names = {"features": ["a", "b", "tissue", "c", "sex", "d"]}
        hot = preprocessing.OneHotEncoder(categories=[range(5), range(4)])
        made = hot.fit_transform(x[:, [2, 4]]).toarray()
        wanted = np.hstack([x[:, [0, 1, 3, 5]], made])
        for first, second in (("tissue", "sex"), (2, 4)):
            chain = [{"one_hot": {"column": first, "categories": 5}},
                     {"one_hot": {"column": second, "categories": 4}}]
            _, rows = self.run_chain(x, chain, 13, **names)
            self.near(rows, wanted, 1e-7)
        _, rows = self.run_chain(x, [*chain, "minmax"], 13, 3, **names)
        self.near(rows, preprocessing.MinMaxScaler().fit(wanted[self.train]).transform(wanted), 1e-6)
        # A file with its columns in another order.
        order = [5, 4, 3, 2, 1, 0]
        experiments.write(self.path("turned.h5"), {
            "X": x[:, order], "features": [names["features"][j] for j in order]})
        self.ok("predict", self.path("run"), "--data", self.path("turned.h5"), "-o",
                self.path("q.h5"))
        with h5py.File(self.path("q.h5")) as f:
            np.testing.assert_array_equal(f["outputs"][...], rows)
        x[9, 4] = 4
        experiments.write(self.path("bad.h5"), {"X": x, **names})
        self.fails(3, "predict", self.path("run"), "--data", self.path("bad.h5"), "-o",
                   self.path("r.h5"), says="/X: row 9, column 4 (sex): one_hot can not take 4")

    # ---- pca, whiten ----

    def parts(self, rows, columns, rank, decay, seed):
        """A matrix whose singular values fall by decay, to a floor of noise, away from the origin."""
        random = np.random.default_rng(seed)
        left, _ = np.linalg.qr(random.normal(size=(rows, rank)))
        right, _ = np.linalg.qr(random.normal(size=(columns, rank)))
        x = (left * decay ** np.arange(rank)) @ right.T * np.sqrt(rows * columns)
        return (x + 0.01 * random.normal(size=x.shape) + random.normal(size=columns)).astype("f4")

    def axes_like(self, sklearn_axes):
        """The axes with our signs: the element of largest absolute value is positive."""
        most = np.argmax(np.abs(sklearn_axes), axis=1)
        return sklearn_axes * np.sign(sklearn_axes[np.arange(len(most)), most])[:, None]

    def check_pca(self, x, components, most):
        """most: how far axes may be off, in absolute value; rows are float32, up to some 10."""
        decomposition = lockstep_test.need_module("sklearn.decomposition").decomposition
        double = x.astype("f8")
        pca = decomposition.PCA(components, svd_solver="full").fit(double[self.train])
        wanted = self.axes_like(pca.components_)
        along = (double - pca.mean_) @ wanted.T
        for kind, scaled in (("pca", along), ("whiten", along / np.sqrt(pca.explained_variance_))):
            for ranks in (1, 3):
                steps, rows = self.run_chain(x, [{kind: components}], components, ranks)
                step, what = steps[f"0_{kind}"], f"{kind}, {ranks} ranks"
                np.testing.assert_allclose(step["mean"], pca.mean_, rtol=0, atol=1e-12, err_msg=what)
                np.testing.assert_allclose(step["axes"], wanted, rtol=0, atol=most, err_msg=what)
                cosines = np.linalg.svd(step["axes"] @ wanted.T)[1]
                self.assertLess(np.max(np.abs(cosines - 1)), max(1e-12, most ** 2), what)
                if kind == "whiten":
                    np.testing.assert_allclose(step["scale"] ** 2, pca.explained_variance_,
                                               rtol=max(1e-12, most ** 2))
                    variance = rows[self.train].var(axis=0, ddof=1, dtype="f8")
                    np.testing.assert_allclose(variance, 1, atol=1e-5)
                self.near(rows, scaled, 1e-6 + 10 * most, what)

    def test_narrow(self):
        """The covariance's eigenvectors, to rounding."""
        self.check_pca(self.parts(ROWS, 61, 61, 0.9, 1), 9, 1e-10)

    def test_more_columns_than_rows(self):
        self.check_pca(self.parts(ROWS, 500, 100, 0.9, 2), 20, 1e-10)

    def test_wide(self):
        """Subspace iteration. With 8 products and 10 vectors more than are wanted the error of axis 12
        is about (the variance of 22 by that of 12) ** 8 = 0.7 ** 160."""
        self.check_pca(self.parts(ROWS, 2500, 60, 0.7, 3), 12, 1e-10)

    def test_wide_without_a_gap(self):
        """Noise and little else: the axes are what they may be, their variances are those of the exact
        ones but for some hundredths, and no more."""
        decomposition = lockstep_test.need_module("sklearn.decomposition").decomposition
        x = np.random.default_rng(6).normal(size=(ROWS, 2300)).astype("f4")
        pca = decomposition.PCA(5, svd_solver="full").fit(x[self.train].astype("f8"))
        steps, _ = self.run_chain(x, [{"whiten": 5}], 5)
        share = steps["0_whiten"]["scale"] ** 2 / pca.explained_variance_
        self.assertTrue(np.all((share > 0.95) & (share <= 1 + 1e-9)), share)
        axes = steps["0_whiten"]["axes"]
        np.testing.assert_allclose(axes @ axes.T, np.eye(5), atol=1e-12)

    def test_no_variance(self):
        x = experiments.matrix(ROWS, 6, 5)
        x[:, 3:] = x[:, :3]
        experiments.write(self.path("d.h5"), {"X": x, "y": np.arange(ROWS) % 3})
        config = experiments.write_config(self.path("c.yaml"), {
            "data": {"file": "d.h5", "transform": [{"whiten": 4}]}, "model": [dense(3)],
            "loss": "softmax_cross_entropy", "optimizer": "sgd", "batch": {"size": 32}})
        self.fails(2, "train", config, "--run-dir", self.path("bad"), "--overwrite", ranks=(0, 3),
                   alone=True, says=["vary along 3 axes only", "lower components to at most 3"])

    # ---- all of it ----

    CHAIN = ["cpm", "log1p", {"select": 900}, "standardize", {"pca": 12}, "center",
             {"polynomial": {"interactions_only": True}}, {"select": 60}, "minmax"]

    def config(self, columns, **changes):
        x = counts(ROWS, columns, 9)
        experiments.write(self.path("d.h5"), {"X": x, "y": np.arange(ROWS) % 3})
        return experiments.write_config(self.path("c.yaml"), {
            "seed": 3, "data": {"file": "d.h5", "transform": self.CHAIN, "block_rows": 8,
                                "shuffle_window": 20, "split": {"val": 0.3}},
            "model": [dense(9), "tanh", dense(3)], "loss": "softmax_cross_entropy",
            "optimizer": "adam", "batch": {"size": 32}, "train": {"epochs": 2}, **changes})

    def hash_of(self, run):
        return self.ok("inspect", self.path(run), "--hash").out

    def same(self, config, **changes):
        """One hash, and one checkpoint of transforms, however it is run; evaluate reads it."""
        found, told = {}, set()
        for strategy in ("data", "features"):
            for ranks, threads, memory in ((0, 1, "resident"), (2, 2, "stream"), (3, 1, "resident"),
                                           (1, 2, "stream")):
                run = f"{strategy}{ranks}"
                args = ("--run-dir", self.path(run), "--set", f"parallel.strategy={strategy}",
                        "--set", f"data.memory={memory}")
                self.ok("train", config, *args, "--set", "train.epochs=1", ranks=ranks,
                        threads=threads)
                self.ok("train", config, *args, "--resume", ranks=3 - ranks, threads=threads)
                contents = experiments.contents(self.path(run, "checkpoints", "last.h5"))
                fitted = {k: v for k, v in contents.items() if k.startswith("transforms")}
                self.assertGreater(len(fitted), 5)
                found.setdefault(strategy, []).append((self.hash_of(run), fitted))
                out = self.ok("evaluate", self.path(run), "--split", "val", ranks=ranks).out
                told.add(out.partition("samples")[2])
        for strategy, runs in found.items():
            for run in runs:
                self.assertTrue(run == runs[0], f"{strategy}: other bits")  # too long to be shown
        self.assertTrue(found["data"][0][1] == found["features"][0][1], "other bits are fitted")
        self.assertLessEqual(len(told), 2, told)  # one of each strategy

    def test_one_result(self):
        self.same(self.config(1100))

    def test_one_result_of_a_wide_pca(self):
        self.CHAIN = ["cpm", "log1p", {"whiten": 6}]
        self.same(self.config(2100))

    def test_what_is_told(self):
        config = self.config(1100)
        told = self.ok("train", config, "--run-dir", self.path("none"), "--dry-run").out
        self.assertIn("-> 60 inputs", told)
        self.assertFalse(os.path.exists(self.path("none")))
        self.ok("train", config, "--run-dir", self.path("run"))
        told = self.ok("inspect", self.path("run")).out
        self.assertIn("1,100 features: cpm, log1p, select, standardize, pca, center, polynomial, "
                      "select, minmax -> 60", told)

    def test_changed_file(self):
        """A resumed run notices that a row is not what it was, whichever rank keeps which outputs."""
        config = self.config(1100, parallel={"strategy": "features"})
        args = ("--run-dir", self.path("run"))
        self.ok("train", config, *args, "--set", "train.epochs=1", ranks=2)
        with h5py.File(self.path("d.h5"), "r+") as f:
            f["X"][200, 77] += 1
        self.fails(3, "train", config, *args, "--resume", ranks=(3,), says="have changed")


if __name__ == "__main__":
    lockstep_test.main()

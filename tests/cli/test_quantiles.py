"""Transforms that are fitted on quantiles, beside NumPy and scikit-learn: the constants in a checkpoint,
and what comes of rows.

# timeout: 120
# processors: 2
"""
import h5py
import numpy as np

import lockstep_test

ROWS, COLUMNS = 301, 23


class Quantiles(lockstep_test.TestCase):
    def setUp(self):
        super().setUp()
        random = np.random.default_rng(4)
        x = np.exp(2 * random.normal(size=(ROWS, COLUMNS))).astype("f4")
        x[:, 1] = 3  # constant
        x[:, 2] = random.integers(4, size=ROWS)  # many alike
        x[:, 3] = np.where(random.random(ROWS) < 0.9, 0, x[:, 3])  # quartiles alike
        x[:, 4] = np.sort(x[:, 4])
        x[:, 5] = -np.sort(x[:, 5])
        self.x = x
        self.train = np.arange(ROWS) % 4 != 1
        with h5py.File(self.path("d.h5"), "w") as f:
            f["X"], f["y"], f["split"] = x, x, np.where(self.train, 0, 1).astype("u1")

    def run_chain(self, chain, ranks):
        """(the group of the first transform in a checkpoint, all rows as the model sees them): a layer
        that hands its input on, which a learning rate of 0 leaves as it is."""
        identity = [float(v) for v in np.eye(COLUMNS).ravel()]
        config = self.write("c.yaml", (
            f"data: {{file: d.h5, transform: [{chain}], block_rows: 8}}\n"
            f"model: [dense: {{units: {COLUMNS}, bias: false, init: {{values: {identity}}}}}]\n"
            "loss: mse\noptimizer: {sgd: 0}\nbatch: {size: 32}\ntrain: {epochs: 1}\n"))
        self.ok("train", config, "--run-dir", self.path("run"), "--overwrite", ranks=ranks)
        with h5py.File(self.path("run", "checkpoints", "last.h5"), "r") as f:
            group = next(g for name, g in f["transforms"].items() if name.startswith("0_"))
            constants = {name: d[...] for name, d in group.items()}
        self.ok("predict", self.path("run"), "--data", self.path("d.h5"), "-o", self.path("p.h5"))
        with h5py.File(self.path("p.h5"), "r") as f:
            return constants, f["outputs"][...]

    def check(self, got, wanted, what, most=1e-12):
        """Both interpolate in float64 between values of float32; rows are told in float32."""
        scale = np.maximum(np.abs(wanted), 1e-3)
        self.assertLess(np.max(np.abs(got - wanted) / scale), most, what)

    def test_robust(self):
        robust = lockstep_test.need_module("sklearn.preprocessing").preprocessing.RobustScaler()
        robust.fit(self.x[self.train].astype("f8"))
        for ranks in (1, 3):
            constants, rows = self.run_chain("robust", ranks)
            self.check(constants["median"], robust.center_, f"median, {ranks} ranks")
            self.check(constants["range"], robust.scale_, f"range, {ranks} ranks")
            self.check(rows, robust.transform(self.x.astype("f8")), f"rows, {ranks} ranks", 1e-5)

    def test_quantile_clip(self):
        train = self.x[self.train].astype("f8")
        for share in (0.01, 0.2, 0):
            low, high = np.quantile(train, share, axis=0), np.quantile(train, 1 - share, axis=0)
            for ranks in (1, 3):
                constants, rows = self.run_chain(f"quantile_clip: {share}", ranks)
                self.check(constants["low"], low, f"{share}, {ranks} ranks")
                self.check(constants["high"], high, f"{share}, {ranks} ranks")
                wanted = np.clip(self.x, low, high)
                self.check(rows, wanted, f"rows, {share}, {ranks} ranks", 1e-6)
                if share > 0:
                    self.assertGreater(np.sum(wanted != self.x), 50)


if __name__ == "__main__":
    lockstep_test.main()

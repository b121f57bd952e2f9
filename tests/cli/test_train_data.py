"""What training says to datasets that it can not use: message, exit code and an end by itself on
1 and on 3 ranks, and nothing left behind; and what it does with odd ones that it can."""
# timeout: 600
import json
import os

import h5py
import numpy as np

import lockstep_test

CONFIG = """\
name: run
seed: 1
data:
  file: d.h5
  split: {train: 0.6, val: 0.2, test: 0.2}
model: [dense: {units: 3}]
loss: softmax_cross_entropy
optimizer: {sgd: {lr: 0.1}}
batch: {size: 12, lanes: 3}
train: {epochs: 2}
"""
FAULTS = os.environ.get("LOCKSTEP_FAULTS")
REGRESSION = ("loss=mse", "model.0.dense.units=1")


class TrainData(lockstep_test.TestCase):
    def setUp(self):
        super().setUp()
        self.config = self.write("c.yaml", CONFIG)
        r = np.random.default_rng(7)
        self.y = np.arange(120) % 3
        # Classes are far apart: two epochs tell them well.
        self.x = r.standard_normal((120, 8)).astype("f4") + 4 * np.eye(3, 8)[self.y]
        self.x = np.abs(self.x).astype("f4")

    def data(self, x=None, y=None, **arrays):
        with h5py.File(self.path("d.h5"), "w") as f:
            f["X"] = self.x if x is None else x
            if y is not False:
                f["y"] = self.y if y is None else y
            for key, value in arrays.items():
                f[key] = value

    def args(self, *settings):
        out = ["train", self.config, "--run-dir", self.path("run"), "--overwrite"]
        for s in settings:
            out += ["--set", s]
        return out

    def refused(self, says, *settings, code=3, ranks=(1, 3)):
        self.fails(code, *self.args(*settings), says=says, ranks=ranks, cwd=self.dir)
        self.assertFalse(os.path.exists(self.path("run", "checkpoints", "last.h5")))

    def trained(self, *settings, **options):
        self.ok(*self.args(*settings), cwd=self.dir, **options)
        r = self.ok("evaluate", self.path("run"), "--split", "all", "--json", "--data",
                    self.path("d.h5"))
        return json.loads(r.out)

    def test_files(self):
        self.refused("d.h5")  # not there
        self.write("d.h5", "sample,a,b\n")
        self.refused(["d.h5", "HDF5"])
        self.data()
        with open(self.path("d.h5"), "rb") as f:
            whole = f.read()
        self.write("d.h5", whole[:len(whole) // 2])
        self.refused("d.h5")

    def test_shapes_and_types(self):
        self.data(x=self.x.reshape(-1))
        self.refused("/X has 1 dimension, not 2")
        self.data(x=np.array([["a", "b"]] * 120, dtype="S1"))
        self.refused("/X holds string, not numbers")
        self.data(x=self.x.T)
        self.refused(["/y has 120 entries, but there are 8 samples", "features_by_samples"])
        self.data(y=self.y[:100])
        self.refused("/y has 100 entries, but there are 120 samples", ranks=(1,))
        self.data(y=False)
        self.refused("no targets", ranks=(1,))
        self.data()
        self.refused("no array /Z", "data.x=/Z", ranks=(1,))

    def test_values(self):
        for bad, word in ((np.nan, "missing value (NaN)"), (np.inf, "infinite value")):
            x = self.x.copy()
            x[117, 5] = bad
            self.data(x=x, samples=[f"s{i}" for i in range(120)],
                      features=[f"g{i}" for i in range(8)])
            says = f"/X: row 117 (s117), column 5 (g5): {word}"
            self.refused(says)
            self.refused(says, "data.transform=[standardize]")
        x = self.x.copy()
        x[3, 2] = -1.5
        self.data(x=x)
        for part in ("train", "val"):  # found when fitting, found when applying
            with h5py.File(self.path("d.h5"), "a") as f:
                f.pop("split", None)
                stored = np.ones(120, "u1") if part == "train" else np.zeros(120, "u1")
                stored[:12] = 0 if part == "train" else 1
                f["split"] = stored
            self.write("c.yaml", CONFIG.replace("  split: {train: 0.6, val: 0.2, test: 0.2}\n", ""))
            self.refused("row 3, column 2: log1p can not take -1.5",
                         "data.transform=[log1p, standardize]")

    def test_rows_that_are_not_used_may_hold_anything(self):
        """Whether a row lies between rows that a rank reads depends on the number of ranks."""
        names = np.array(["a", "b", "c"], dtype=object)[self.y]
        split = (np.arange(120) // 3 % 4 == 3).astype("u1")
        names[5], split[50], split[80] = "", 255, 2
        x = self.x.copy()
        x[5, 1], x[50, 7], x[80, 2] = np.nan, -5, np.inf
        self.data(x=x, y=names, split=split)
        config = CONFIG.replace("  split: {train: 0.6, val: 0.2, test: 0.2}\n", "  block_rows: 4\n")
        self.write("c.yaml", config.replace("lanes: 3", "lanes: 4"))
        for transform in ("[log1p]", "[log1p, standardize]"):
            hashes = set()
            for ranks in (1, 2, 4):
                self.ok(*self.args(f"data.transform={transform}"), cwd=self.dir, ranks=ranks)
                hashes.add(self.ok("inspect", self.path("run"), "--hash").out)
            self.assertEqual(len(hashes), 1)
        x[5, 1], x[51, 6] = 1, np.nan
        self.data(x=x, y=names, split=split)
        for transform in ("[log1p]", "[log1p, standardize]"):
            self.fails(3, *self.args(f"data.transform={transform}"), cwd=self.dir, ranks=(1, 2, 4),
                       says="/X: row 51, column 6: missing value (NaN)")

    def reads(self, split, *settings, ranks):
        """How often the ranks read from the file where X is in chunks of four rows."""
        with h5py.File(self.path("d.h5"), "w") as f:
            f.create_dataset("X", data=np.tile(self.x, (8, 128)), chunks=(4, 512), compression=1,
                             fletcher32=True)
            f["y"], f["split"] = np.tile(self.y, 8), np.tile(np.asarray(split, "u1"), 240)
        counts = self.path("counts")
        self.ok(*self.args(*settings), cwd=self.dir, ranks=ranks, program=FAULTS,
                env={"LOCKSTEP_FAULT_COUNTS": counts})
        found = []
        for rank in range(ranks):
            with open(f"{counts}.{rank}", encoding="utf-8") as f:
                found.append(int(dict(line.split() for line in f)["pread"]))
        return np.array(found)

    def test_chunks_are_read_once(self):
        """However their rows are split: where half of each is for validation a rank reads as often
        as where this half is for tests and is not looked at."""
        self.write("c.yaml", CONFIG.replace("  split: {train: 0.6, val: 0.2, test: 0.2}\n", ""))
        for strategy, ranks, chunks in (("data", 1, 480), ("features", 2, 240)):
            how = f"parallel.strategy={strategy}"
            once = self.reads([0, 2, 2, 0], how, ranks=ranks)
            both = self.reads([0, 1, 1, 0], how, ranks=ranks)
            self.assertTrue((once >= chunks).all(), (strategy, once))
            # Each chunk twice would be `chunks` more; a few reads are left to HDF5's own pages.
            self.assertTrue((both - once < chunks / 10).all(), (strategy, once, both))

    def test_labels(self):
        y = self.y.copy()
        y[77] = 3
        self.data(y=y, classes=["a", "b", "c"])
        self.refused("/y: row 77: label 3 is outside the 3 classes (0 to 2)")
        y[77] = -1
        self.data(y=y)
        self.refused("/y: row 77: label -1")
        self.data(y=np.where(self.y == 1, np.nan, 1.0).astype("f4"))
        self.refused("/y: row 1, column 0: missing value", *REGRESSION)
        self.data(samples=["a"] * 120)
        self.refused("/samples: 'a' stands at both 0 and 1")

    def test_splits(self):
        self.data()
        self.refused("test is empty", "data.split={train: 0.5, val: 0.499, test: 0.001}")
        self.refused("0.9", "data.split={train: 0.5, val: 0.2, test: 0.2}", code=2)
        self.data(groups=["one"] * 60 + ["two"] * 60)
        self.refused("too few groups", "data.split.group=groups")
        self.data(split=np.full(120, 2, "u1"))
        self.write("c.yaml", CONFIG.replace("  split: {train: 0.6, val: 0.2, test: 0.2}\n", ""))
        self.refused("no training rows")

    def test_transforms(self):
        self.data()
        self.refused("9 features are wanted, but there are only 8", "data.transform=[select: 9]",
                     code=2)
        self.fails(2, *self.args("data.transform=[select: 1000000000]"), "--dry-run",
                   says="1000000000 features are wanted, but there are only 8", cwd=self.dir)
        self.refused("'log1q'", "data.transform=[log1q]", code=2, ranks=(1,))

    def test_rows_without_a_label_are_dropped(self):
        names = np.array(["a", "b", "c"], dtype=object)[self.y]
        names[5] = names[64] = ""
        self.data(y=names)
        d = self.trained("data.transform=[log1p, standardize]", "train.epochs=15", ranks=2)
        self.assertEqual(d["samples"], 118)
        self.assertGreater(d["accuracy"], 0.9)

    def test_a_column_of_codes(self):
        got = []
        for y in (self.y, self.y.reshape(-1, 1)):
            self.data(y=y)
            got.append(self.trained(ranks=1))
        self.assertEqual(*got)

    def test_layouts_and_types_do_not_change_the_result(self):
        self.data(x=np.round(self.x * 100).astype("f4"))
        hashes = []
        for case in range(3):
            if case == 1:
                self.data(x=np.round(self.x * 100).astype("u2"), y=self.y.astype("i1"))
            if case == 2:
                self.data(x=np.round(self.x * 100).astype("f8").T)
            extra = ["data.layout=features_by_samples"] if case == 2 else []
            self.ok(*self.args("data.transform=[log1p, select: 6, minmax]", *extra), cwd=self.dir,
                    ranks=case + 1)
            with h5py.File(self.path("run", "checkpoints", "last.h5")) as f:
                found = []
                f.visititems(lambda name, o: found.append((name, o[()].tobytes()))
                             if isinstance(o, h5py.Dataset) and o.dtype == "f4" else None)
            hashes.append(sorted(found))
            self.assertTrue(found)
        self.assertEqual(hashes[0], hashes[1])
        self.assertEqual(hashes[0], hashes[2])


if __name__ == "__main__":
    lockstep_test.main()

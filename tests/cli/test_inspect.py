"""lockstep inspect on datasets: what it says against numpy and h5py, and how it refuses."""
import json

import h5py
import numpy as np

import lockstep_test


class Inspect(lockstep_test.TestCase):
    def dataset(self, name="d.h5", x=None, **arrays):
        path = self.path(name)
        if x is None:
            x = np.random.default_rng(1).poisson(1, (700, 300)).astype("f4") - 0.5
        with h5py.File(path, "w") as f:
            f.create_dataset("X", data=x, chunks=(256, 128), compression="gzip")
            for key, value in arrays.items():
                f[key] = value
        return path, x

    def facts(self, path, *args, **options):
        return json.loads(self.ok("inspect", path, "--json", *args, **options).out)

    def test_json_agrees_with_numpy(self):
        y = np.arange(700) % 7
        path, x = self.dataset(y=y, classes=[f"t{i}" for i in range(6)] + [""],
                               features=[f"g{i}" for i in range(300)],
                               groups=[f"d{i // 9}" for i in range(700)],
                               split=(np.arange(700) % 3).astype("u1"))
        for ranks in (0, 2):
            d = self.facts(path, ranks=ranks)
            self.assertEqual((d["kind"], d["samples"], d["features"]), ("dataset", 700, 300))
            self.assertEqual((d["type"], d["chunk"], d["compressed"]),
                             ("float32", [256, 128], True))
            v = d["values"]
            self.assertEqual((v["min"], v["max"]), (x.min(), x.max()))
            # Sums of 2e5 float64 in two orders: a relative 1e-16 each.
            self.assertAlmostEqual(v["mean"], x.astype("f8").mean(), delta=1e-10)
            self.assertEqual((v["zeros"], v["missing"], v["infinite"]), (0, 0, 0))
            self.assertEqual([(c["name"], c["samples"]) for c in d["classes"]],
                             [(f"t{i}", 100) for i in range(6)] + [("", 100)])
            self.assertEqual(d["groups"], 78)
            self.assertEqual(d["split"], {"train": 234, "val": 233, "test": 233})
            self.assertTrue(d["feature_names"])
            self.assertFalse(d["sample_ids"])

    def test_bad_values_are_counted(self):
        x = np.zeros((300, 200), "f8")
        x[5, 6] = x[299, 0] = np.nan
        x[7, 8] = -np.inf
        x[9, 10] = 1e300  # not a float32
        x[1, 1] = 3
        v = self.facts(self.dataset(x=x)[0])["values"]
        self.assertEqual((v["missing"], v["infinite"], v["max"], v["min"]), (2, 2, 3, 0))
        self.assertEqual(v["zeros"], 300 * 200 - 5)
        v = self.facts(self.dataset(x=np.full((300, 200), np.nan))[0])["values"]
        self.assertEqual((v["missing"], v["min"], v["mean"]), (60000, None, None))

    def test_values_and_text(self):
        y = np.array([[1, -2.5], [3, 0.5]] * 350, "f4")
        path, _ = self.dataset(y=y, targets=["age", "\u00e4ge"])
        d = self.facts(path)
        self.assertEqual(d["target"], "values")
        self.assertEqual(d["outputs"][1],
                         {"name": "\u00e4ge", "min": -2.5, "max": 0.5, "mean": -1})
        text = self.ok("inspect", path).out
        for part in ("700 samples x 300 features, float32, chunks of 256 x 128, compressed",
                     "age", "-2.5 to 0.5, mean -1"):
            self.assertIn(part, text)

    def test_label_names(self):
        names = np.array(["b", "a", "10", "9"] * 175, dtype=object)
        d = self.facts(self.dataset(y=names)[0])
        self.assertEqual([c["name"] for c in d["classes"]], ["10", "9", "a", "b"])
        latin = np.array([b"f\xfcr", b"a"] * 350)
        d = self.facts(self.dataset(y=latin)[0])
        self.assertEqual([c["name"] for c in d["classes"]], ["a", "f\\xfcr"])

    def test_hash_sees_values_not_storage(self):
        path, x = self.dataset(y=np.arange(700) % 2)
        plain = self.path("plain.h5")
        with h5py.File(plain, "w") as f:
            f["m/counts"] = x.T.astype("f8")
            f["y"] = (np.arange(700) % 2).astype("i8")
        a = self.ok("inspect", path, "--hash", ranks=2).out
        b = self.ok("inspect", plain, "--hash", "--x", "/m/counts", "--layout",
                    "features_by_samples", threads=1).out
        self.assertEqual(a, b)
        self.assertRegex(a, "^[0-9a-f]{32}\n$")
        x[3, 4] += 1
        self.assertNotEqual(a, self.ok("inspect", self.dataset(
            x=x, y=np.arange(700) % 2)[0], "--hash").out)

    def test_refusals(self):
        path, x = self.dataset(y=np.arange(300) % 2)
        self.fails(3, "inspect", path, ranks=(1, 3),
                   says=["/y has 300 entries, but there are 700 samples", "features_by_samples"])
        self.fails(3, "inspect", self.path("absent.h5"), ranks=(1, 3), says="absent.h5")
        self.fails(3, "inspect", self.write("t.h5", "a,b\n"), ranks=(1, 3), says="not an HDF5")
        with open(path, "rb") as f:
            whole = f.read()
        self.fails(3, "inspect", self.write("cut.h5", whole[:len(whole) // 2]), ranks=(1, 3),
                   says="cut.h5")
        self.fails(2, "inspect", path, "--json", "--hash", says="exclude")
        self.fails(2, "inspect", path, "--layout", "up", says="'up' is no layout")
        self.fails(2, "inspect", says="1 argument expected")
        self.fails(3, "inspect", path, "--x", "/Z", says="no array /Z")


if __name__ == "__main__":
    lockstep_test.main()

"""What `lockstep evaluate` says of whole runs, against scikit-learn on what `lockstep predict` writes.

The functions themselves are compared to all digits in test_metrics.py; this is about what they are
given, on any number of ranks.
"""
import csv
import json
import os

import h5py
import numpy as np

import experiments
import lockstep_test
from experiments import dense

# Nine digits are printed: half a unit of the last is at most 5e-9 of the number.
DIGITS = 5e-9
# Predictions are written in float32; log loss is computed from the outputs before them.
PREDICTED = 1e-6


def flags(path, samples, features, n_outputs):
    """Each output says whether its feature is above 2; the last one never."""
    x = experiments.matrix(samples, features, 6)
    y = (x[:, :n_outputs] > 2).astype("f4")
    y[:, -1] = 0
    return experiments.write(path, {"X": x, "y": y, "targets": [f"t{j}" for j in range(n_outputs)]})


class EvaluateMetrics(lockstep_test.TestCase):
    @classmethod
    def setUpClass(cls):
        lockstep_test.need_module("scipy")
        lockstep_test.need_module("sklearn")
        from scipy import stats
        from sklearn import metrics
        cls.sk, cls.stats = metrics, stats

    def run_of(self, name, **changes):
        """Trains an experiment; its metrics, targets and predictions on all rows of the file."""
        config = experiments.make(self.dir, name, **changes)
        return self.results(config, self.path(f"{name}.h5"))

    def results(self, config, data):
        self.run_dir, self.data = self.path(f"run-of-{os.path.basename(data)}"), data
        self.ok("train", config, "--run-dir", self.run_dir)
        self.ok("predict", self.run_dir, "--data", data, "-o", self.path("p.h5"), ranks=2)
        with h5py.File(data) as f:
            y = f["y"][()]
        with h5py.File(self.path("p.h5")) as f:
            p = f["probabilities" if "probabilities" in f else "outputs"][()]
            code = f["class"][()] if "class" in f else None
        return self.evaluate(), y, p, code

    def evaluate(self, *args):
        """The same on any number of ranks, to the letter."""
        texts = {self.ok("evaluate", self.run_dir, "--data", self.data, "--json", *args,
                         ranks=ranks).out for ranks in (0, 2, 3)}
        self.assertEqual(len(texts), 1)
        return json.loads(texts.pop(), parse_constant=self.fail)

    def close(self, got, want, tolerance=DIGITS):
        if want is None or np.isnan(want):
            self.assertIsNone(got)
        else:
            self.assertLessEqual(abs(got - want), tolerance * (1 + abs(want)))

    def check(self, found, wanted, tolerance=DIGITS):
        for name, want in wanted.items():
            with self.subTest(name=name):
                self.close(found[name], want, tolerance)

    def test_many_classes(self):
        m, y, p, code = self.run_of("classes", train={"epochs": 1})
        sk = self.sk
        self.check(m, {
            "accuracy": sk.accuracy_score(y, code),
            "balanced_accuracy": sk.balanced_accuracy_score(y, code),
            "precision_macro": sk.precision_score(y, code, average="macro", zero_division=0),
            "recall_weighted": sk.recall_score(y, code, average="weighted"),
            "f1_macro": sk.f1_score(y, code, average="macro"),
            "f1_micro": sk.f1_score(y, code, average="micro"),
            "mcc": sk.matthews_corrcoef(y, code), "kappa": sk.cohen_kappa_score(y, code),
            "top3_accuracy": sk.top_k_accuracy_score(y, p, k=3),
            "auc": np.mean([sk.roc_auc_score(y == c, p[:, c]) for c in range(5)]),
            "average_precision": np.mean([sk.average_precision_score(y == c, p[:, c])
                                          for c in range(5)]),
            "brier": ((p.astype("f8") - np.eye(5)[y]) ** 2).sum(axis=1).mean()})
        wanted = sk.log_loss(y, p.astype("f8") / p.astype("f8").sum(axis=1, keepdims=True))
        self.check(m, {"log_loss": wanted, "loss": wanted}, PREDICTED)
        self.assertEqual(m["confusion"], sk.confusion_matrix(y, code).tolist())
        self.assertNotIn("top5_accuracy", m)  # with five classes it is 1
        for c, found in enumerate(m["per_class"]):
            self.assertEqual((found["class"], found["support"], found["predicted"]),
                             (str(c), (y == c).sum(), (code == c).sum()))
            self.check(found, {
                "precision": sk.precision_score(y == c, code == c),
                "recall": sk.recall_score(y == c, code == c),
                "contamination": 1 - sk.precision_score(y == c, code == c),
                "auc": sk.roc_auc_score(y == c, p[:, c])})
        bins = m["calibration"]
        self.assertEqual((len(bins), sum(b["samples"] for b in bins)), (15, len(y)))
        error = sum(b["samples"] / len(y) * abs(b["accuracy"] - b["confidence"])
                    for b in bins if b["samples"])
        self.close(m["calibration_error"], error, 1e-8)

    def test_two_classes(self):
        m, y, p, code = self.run_of("binary", train={"epochs": 1})
        sk, p = self.sk, p[:, 1]
        self.check(m, {
            "precision": sk.precision_score(y, code), "recall": sk.recall_score(y, code),
            "f1": sk.f1_score(y, code), "specificity": sk.recall_score(1 - y, 1 - code),
            "false_positive_rate": 1 - sk.recall_score(1 - y, 1 - code),
            "auc": sk.roc_auc_score(y, p), "average_precision": sk.average_precision_score(y, p),
            "brier": sk.brier_score_loss(y, p)})
        self.check(m, {"log_loss": sk.log_loss(y, p.astype("f8"))}, PREDICTED)
        self.assertNotIn("threshold", m)
        fpr, tpr, at = sk.roc_curve(y, p, drop_intermediate=False)
        found = self.evaluate("--threshold", "youden")["threshold"]
        best = np.flatnonzero(tpr - fpr > (tpr - fpr).max() - 1e-13)[0]
        self.assertEqual(found["criterion"], "youden")
        self.check(found, {"value": float(at[best]), "recall": tpr[best],
                           "false_positive_rate": fpr[best], "score": tpr[best] - fpr[best]})
        found = self.evaluate("--threshold", "f1")["threshold"]
        self.check(found, {"f1": sk.f1_score(y, p >= np.float32(found["value"])),
                           "score": max(sk.f1_score(y, p >= t) for t in p)})
        text = self.ok("evaluate", self.run_dir, "--data", self.data, "--threshold", "f1").out
        self.assertRegex(text, rf"best threshold by f1: {found['value']:.6g}\n")

    def test_curves(self):
        _, y, p, _ = self.run_of("binary", train={"epochs": 1})
        texts = set()
        for ranks in (0, 3):
            self.ok("evaluate", self.run_dir, "--data", self.data, "--curves", self.path("c.csv"),
                    ranks=ranks)
            with open(self.path("c.csv"), newline="", encoding="utf-8") as f:
                texts.add(f.read())
        self.assertEqual(len(texts), 1)
        rows = list(csv.DictReader(texts.pop().splitlines()))
        self.assertEqual({r["class"] for r in rows}, {"yes"})
        # scikit-learn's begin with a point above all scores, and end the other one with (0, 1).
        fpr, tpr, at = self.sk.roc_curve(y, p[:, 1], drop_intermediate=False)
        precision, recall, _ = self.sk.precision_recall_curve(y, p[:, 1])
        self.assertEqual(len(rows), len(at) - 1)
        for name, want in (("threshold", at[1:]), ("false_positive_rate", fpr[1:]),
                           ("recall", tpr[1:])):
            np.testing.assert_allclose([float(r[name]) for r in rows], want, rtol=DIGITS)
        n = len(precision) - 1  # they end where all of the class are found
        np.testing.assert_allclose([float(r["precision"]) for r in rows][:n], precision[n - 1::-1],
                                   rtol=DIGITS)

    def test_curves_of_many_classes(self):
        _, y, p, _ = self.run_of("classes", train={"epochs": 1})
        self.ok("evaluate", self.run_dir, "--data", self.data, "--curves", self.path("c.csv"),
                ranks=2)
        with open(self.path("c.csv"), newline="", encoding="utf-8") as f:
            rows = list(csv.DictReader(f))
        for c in range(5):
            of_class = [r for r in rows if r["class"] == str(c)]
            self.assertEqual(len(of_class), len(np.unique(p[:, c])))
            x, h = ([0.0] + [float(r[n]) for r in of_class]
                    for n in ("false_positive_rate", "recall"))
            self.close(np.trapz(h, x), self.sk.roc_auc_score(y == c, p[:, c]), 1e-8)

    def test_values(self):
        for name in ("values", "features_values"):  # rows spread over the ranks, and columns
            with self.subTest(name=name):
                m, y, p, _ = self.run_of(name)
                y, p, sk = y.astype("f8"), p.astype("f8"), self.sk
                pearson = [self.stats.pearsonr(y[:, j], p[:, j])[0] for j in range(3)]
                spearman = [self.stats.spearmanr(y[:, j], p[:, j])[0] for j in range(3)]
                self.check(m, {
                    "mse": sk.mean_squared_error(y, p), "mae": sk.mean_absolute_error(y, p),
                    "rmse": sk.mean_squared_error(y, p, squared=False), "r2": sk.r2_score(y, p),
                    "explained_variance": sk.explained_variance_score(y, p),
                    "pearson": np.mean(pearson), "spearman": np.mean(spearman)})
                for j, found in enumerate(m["per_output"]):
                    self.assertEqual(found["output"], j)
                    self.check(found, {"pearson": pearson[j], "spearman": spearman[j],
                                       "mse": ((y[:, j] - p[:, j]) ** 2).mean()})
                self.assertNotIn("per_class", m)

    def test_flags(self):
        data = flags(self.path("d.h5"), 400, 8, 4)
        config = experiments.write_config(self.path("c.yaml"), {
            "data": {"file": data, "split": {"val": 0.2}}, "model": [dense(4)],
            "loss": "binary_cross_entropy", "optimizer": {"adam": 0.05}, "batch": {"size": 40},
            "train": {"epochs": 20, "early_stopping": {"monitor": "val_auc", "patience": 20}}})
        m, y, p, _ = self.results(config, data)
        said, truth = (p > 0.5).astype(int), y.astype(int)
        self.check(m, {
            "subset_accuracy": self.sk.accuracy_score(truth, said),
            "output_accuracy": (said == truth).mean(),
            "f1_micro": self.sk.f1_score(truth, said, average="micro"),
            "auc": np.mean([self.sk.roc_auc_score(y[:, j], p[:, j]) for j in range(3)])})
        self.assertGreater(m["auc"], 0.9)
        self.assertEqual([o["output"] for o in m["per_output"]], ["t0", "t1", "t2", "t3"])
        for j in range(3):
            self.check(m["per_output"][j], {
                "auc": self.sk.roc_auc_score(y[:, j], p[:, j]),
                "recall": self.sk.recall_score(truth[:, j], said[:, j])})
        last = m["per_output"][3]  # of it there is nothing
        self.assertEqual((last["auc"], last["recall"], last["support"]), (None, None, 0))
        lines = experiments.metrics(self.run_dir)
        best = max(lines, key=lambda line: line["val_auc"])
        self.assertEqual([line["epoch"] for line in lines if line["best"]][-1], best["epoch"])

    def test_rows_of_one_class(self):
        """Metrics that have no value are null, and a dash in the lines."""
        self.run_of("binary", train={"epochs": 1})
        with h5py.File(self.data, "r+") as f:
            f["y"][...] = 1
        m = self.evaluate("--threshold", "youden")
        self.assertEqual((m["auc"], m["specificity"], m["threshold"]["value"]), (None, None, None))
        self.assertEqual((m["average_precision"], m["mcc"]), (1, 0))
        self.assertIsNone(m["per_class"][0]["recall"])
        self.assertRegex(self.ok("evaluate", self.run_dir, "--data", self.data).out, r"\nauc +-\n")

    def test_lines(self):
        m, *_ = self.run_of("classes", train={"epochs": 1})
        text = self.ok("evaluate", self.run_dir, "--data", self.data).out
        for name in ("accuracy", "auc", "calibration_error"):
            self.assertRegex(text, rf"\n{name} +{m[name]:.6g}\n")
        head, *rows = [line.split() for line in text.splitlines() if line][3:9]
        self.assertEqual(head, ["class", "precision", "recall", "f1", "contamination", "auc",
                                "support"])
        for row, found in zip(rows, m["per_class"]):
            self.assertEqual(row[0], found["class"])
            for name, value in zip(head[1:], row[1:]):
                self.close(float(value), found[name], 1e-5)

    def test_refusals(self):
        self.run_of("classes", train={"epochs": 1})
        evaluate = ["evaluate", self.run_dir, "--data", self.data]
        for args, says in ((["--threshold", "youden"], "between two classes"),
                           (["--threshold", "yuoden"], "did you mean 'youden'"),
                           (["--curves", self.path("c.json")], "must end in .csv"),
                           (["--curves", self.path("none", "c.csv")], "none")):
            with self.subTest(args=args):
                self.fails(1 if says == "none" else 2, *evaluate, *args, ranks=(0, 3), says=says)
        self.run_dir = self.path("other")
        config = experiments.make(self.dir, "tiny", data={"split": {"train": 1.0}}, loss="mse")
        self.ok("train", config, "--run-dir", self.run_dir)
        self.fails(2, "evaluate", self.run_dir, "--data", self.path("tiny.h5"), "--curves",
                   self.path("c.csv"), says="no curves")


if __name__ == "__main__":
    lockstep_test.main()

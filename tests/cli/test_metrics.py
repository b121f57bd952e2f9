"""Every metric against scikit-learn's and SciPy's, on random predictions with ties, classes without
rows, classes that are never predicted, constant predictions and rows of a single class.

The metrics come from lockstep-metrics (tests/support/metrics_of.c), which applies the functions of the
program to arrays and prints all digits. What a whole `lockstep evaluate` says: test_evaluate_metrics.py.
"""
import os
import struct
import subprocess
import warnings

import numpy as np

import lockstep_test

PROGRAM = os.environ.get("LOCKSTEP_METRICS", "lockstep-metrics")
TWO, MANY, FLAGS, NUMBERS = 1, 2, 4, 8

# Counts are whole numbers: a quotient of two is off by its rounding, a mean by some of them. Sums over
# 2000 rows in another order, in float64, lose some 1e-15 of their terms.
TOLERANCE = 1e-12


def softmax(z):
    z = np.exp(z.astype("f8") - z.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z.astype("f8")))


def same(got, want, tolerance):
    if np.isnan(got) or np.isnan(want):
        return bool(np.isnan(got) and np.isnan(want))
    return abs(got - want) <= tolerance * (1 + abs(want))


def ratio(a, b):
    return a / b if b else np.nan


class Metrics(lockstep_test.TestCase):
    @classmethod
    def setUpClass(cls):
        lockstep_test.need_module("scipy")
        lockstep_test.need_module("sklearn")
        from scipy import stats
        from sklearn import metrics
        cls.sk, cls.stats = metrics, stats

    def setUp(self):
        super().setUp()
        # scikit-learn warns of what has no value; that is what is compared here.
        warnings.simplefilter("ignore")
        self.addCleanup(warnings.resetwarnings)
        self.checked = set()

    def measure(self, kind, n, outputs, probabilities, arrays):
        """{name or (part, name): value} of everything that the program's tables have."""
        path = self.path("arrays")
        with open(path, "wb") as f:
            f.write(struct.pack("<5q", kind, n, len(arrays[-1]), outputs, probabilities))
            for a in arrays:
                f.write(np.ascontiguousarray(a).tobytes())
        out = subprocess.run([PROGRAM, path], check=True, text=True, capture_output=True,
                             timeout=60).stdout
        found = {}
        for *name, value in map(str.split, out.splitlines()):
            name = tuple(int(w) if w.isdigit() else w for w in name)
            found[name if len(name) > 1 else name[0]] = float(value)
        self.got = found
        self.checked = set()

    def check(self, name, want, tolerance=TOLERANCE):
        got = self.got[name]
        self.checked.add(name)
        self.assertTrue(same(got, want, tolerance), f"{name}: {got!r}, wanted {want!r}")

    def check_complete(self):
        """Nothing that the program told was left unchecked (the loss is the model's)."""
        self.assertEqual({n for n in self.got if n not in self.checked} - {"loss"}, set())

    # ---- classes ----

    def classes(self, z, y, n):
        """Outputs z[rows, n or 1] and classes y."""
        y, z = y.astype("i4"), z.astype("f4")
        if z.shape[1] == 1:
            p = sigmoid(z).astype("f4")
            p, predicted = np.concatenate([1 - p, p], axis=1), (z[:, 0] > 0).astype("i4")
        else:
            p, predicted = softmax(z).astype("f4"), z.argmax(axis=1).astype("i4")
        kind = TWO if n == 2 else MANY
        self.measure(kind, n, z.shape[1], 1, [y, predicted, z, p])
        self.check_counts(y, predicted, n)
        self.check_probabilities(y, predicted, z, p.astype("f8"), n)
        self.check_areas([y == c for c in range(n)], p, n)
        if n == 2:
            self.check_thresholds(y, p[:, 1])
        self.check_complete()

    def check_counts(self, y, predicted, n):
        sk, present = self.sk, np.unique(y)
        self.check("accuracy", sk.accuracy_score(y, predicted))
        self.check("balanced_accuracy", sk.balanced_accuracy_score(y, predicted))
        self.check("mcc", sk.matthews_corrcoef(y, predicted))
        self.check("kappa", sk.cohen_kappa_score(y, predicted))
        truth = [y == c for c in range(n)]
        said = [predicted == c for c in range(n)]
        self.check_fractions(truth, said, lambda score, average: score(
            y, predicted, labels=range(n) if average == "micro" else present, average=average,
            zero_division=0))
        if n == 2:
            for name in ("precision", "recall", "f1", "contamination", "specificity",
                         "false_positive_rate"):
                self.check(name, self.got[1, name])  # which has been compared

    def check_fractions(self, truth, said, mean):
        """Of each class alone and together; mean(score, average) is scikit-learn's of all."""
        specificities = []
        for c, (t, s) in enumerate(zip(truth, said)):
            (tn, fp), (fn, tp) = self.sk.confusion_matrix(t, s, labels=[False, True]).astype(float)
            self.check((c, "support"), tp + fn)
            self.check((c, "precision"), ratio(tp, tp + fp))
            self.check((c, "recall"), ratio(tp, tp + fn))
            self.check((c, "f1"), ratio(2 * tp, 2 * tp + fp + fn))
            self.check((c, "contamination"), ratio(fp, tp + fp))
            self.check((c, "specificity"), ratio(tn, tn + fp))
            self.check((c, "false_positive_rate"), ratio(fp, tn + fp))
            if t.any():
                specificities.append(ratio(tn, tn + fp))
        for name in ("precision", "recall", "f1"):
            for average in ("macro", "micro", "weighted"):
                self.check(f"{name}_{average}", mean(getattr(self.sk, f"{name}_score"), average))
        self.check("specificity_macro", np.nan_to_num(specificities).mean())

    def check_probabilities(self, y, predicted, z, p, n):
        z = z.astype("f8")
        if z.shape[1] == 1:
            z = np.concatenate([np.zeros_like(z), z], axis=1)
        onehot = np.eye(n)[y]
        self.check("log_loss", self.sk.log_loss(y, softmax(z), labels=range(max(n, 2))))
        if n == 2:
            self.check("brier", self.sk.brier_score_loss(y, np.clip(p[:, 1], 0, 1), pos_label=1))
        else:
            self.check("brier", ((p - onehot) ** 2).sum(axis=1).mean())
        confidence, right = p[np.arange(len(y)), predicted], predicted == y
        bins = np.searchsorted(np.arange(1, 15) / 15, confidence)
        error = 0
        for b in range(15):
            rows = bins == b
            self.check(("bin", b), rows.sum())
            if rows.any():
                error += rows.mean() * abs(right[rows].mean() - confidence[rows].mean())
        self.check("calibration_error", error)
        for k in (3, 5):
            if n > k:
                before = ((z > z[np.arange(len(y)), y][:, None]) |
                          ((z == z[np.arange(len(y)), y][:, None]) &
                           (np.arange(n)[None, :] < y[:, None]))).sum(axis=1)
                self.check(f"top{k}_accuracy", (before < k).mean())
                if len(np.unique(z)) == z.size:  # scikit-learn puts ties the other way round
                    self.check(f"top{k}_accuracy",
                               self.sk.top_k_accuracy_score(y, z, k=k, labels=range(n)))

    def check_areas(self, truth, p, n):
        found = {"auc": [], "average_precision": []}
        weights = []
        for c, t in enumerate(truth):
            auc = self.sk.roc_auc_score(t, p[:, c]) if 0 < t.sum() < len(t) else np.nan
            precision = self.sk.average_precision_score(t, p[:, c]) if t.any() else np.nan
            self.check((c, "auc"), auc)
            self.check((c, "average_precision"), precision)
            found["auc"].append(auc)
            found["average_precision"].append(precision)
            weights.append(t.sum())
        for name, values in found.items():
            values, weights = np.array(values), np.array(weights, "f8")
            valid = ~np.isnan(values)
            if name not in self.got:
                continue
            if f"{name}_weighted" not in self.got:  # two classes
                self.check(name, values[1])
                continue
            self.check(name, values[valid].mean() if valid.any() else np.nan)
            self.check(f"{name}_weighted", ratio((weights * values)[valid].sum(),
                                                 weights[valid].sum()))

    def check_thresholds(self, y, p):
        if not 0 < y.sum() < len(y):
            self.checked |= {(w, c) for w in ("best", "threshold") for c in ("youden", "f1")}
            return
        fpr, tpr, thresholds = self.sk.roc_curve(y, p, drop_intermediate=False)
        precision, recall, lowest_first = self.sk.precision_recall_curve(y, p)
        f1 = np.nan_to_num(2 * precision * recall / (precision + recall))[:-1]
        # The first of the curve's points is above all scores.
        for name, values, at in (("youden", (tpr - fpr)[1:], thresholds[1:]),
                                 ("f1", f1[::-1], lowest_first[::-1])):
            self.check(("best", name), values.max())
            # Of several that are equal, up to their rounding, the highest.
            self.check(("threshold", name), at[np.flatnonzero(values > values.max() - 1e-13)[0]], 0)

    def test_many_classes(self):
        draw = np.random.default_rng(1)
        for n, rows, steps in ((5, 997, 0), (5, 1000, 3), (3, 41, 2), (54, 2000, 4), (7, 1, 0),
                               (4, 500, 0)):
            with self.subTest(n=n, rows=rows, steps=steps):
                y = draw.integers(0, n, rows)
                z = draw.normal(size=(rows, n)) + 1.5 * np.eye(n)[y]
                self.classes(np.round(z * steps) / steps if steps else z, y, n)
        # The same areas by scikit-learn's own way of several classes.
        p = softmax(z.astype("f4")).astype("f4")
        for average, name in (("macro", "auc"), ("weighted", "auc_weighted")):
            self.check(name, self.sk.roc_auc_score(y, p, multi_class="ovr", average=average))

    def test_a_class_without_rows(self):
        draw = np.random.default_rng(2)
        y = draw.choice([0, 1, 3, 4, 6], 400)
        z = np.round(draw.normal(size=(400, 7)) + np.eye(7)[y], 1)
        self.classes(z, y, 7)
        self.assertGreater(z.argmax(axis=1).tolist().count(2), 0)  # it is predicted
        self.assertTrue(np.isnan(self.got[2, "recall"]))

    def test_a_class_that_is_never_predicted(self):
        draw = np.random.default_rng(3)
        y = draw.integers(0, 4, 300)
        z = draw.normal(size=(300, 4)) + np.eye(4)[y]
        z[:, 2] -= 9
        self.classes(z, y, 4)
        self.assertTrue(np.isnan(self.got[2, "precision"]))
        self.assertEqual(self.got[2, "f1"], 0)

    def test_constant_scores(self):
        y = np.arange(90) % 3
        self.classes(np.zeros((90, 3)), y, 3)
        self.assertEqual((self.got["auc"], self.got["mcc"], self.got["kappa"]), (0.5, 0, 0))
        self.classes(np.zeros((90, 1)), y % 2, 2)
        self.assertEqual(self.got["auc"], 0.5)

    def test_rows_of_one_class(self):
        draw = np.random.default_rng(4)
        for n, outputs in ((3, 3), (2, 1), (2, 2)):
            with self.subTest(n=n, outputs=outputs):
                self.classes(draw.normal(size=(50, outputs)), np.full(50, n - 1), n)
                self.assertTrue(np.isnan(self.got["auc"]))
        z = np.zeros((50, 3))
        z[:, 1] = 5
        self.classes(z, np.full(50, 1), 3)  # and all are said to be of it
        self.assertTrue(np.isnan(self.got["kappa"]))

    def test_two_classes(self):
        draw = np.random.default_rng(5)
        for outputs, rows, steps in ((1, 801, 0), (1, 800, 4), (2, 500, 0), (2, 501, 3)):
            with self.subTest(outputs=outputs, rows=rows, steps=steps):
                y = (draw.random(rows) < 0.2).astype("i4")
                z = draw.normal(size=(rows, outputs)) - 1
                z[:, -1] += 2 * y
                z = (np.round(z * steps) / steps if steps else z).astype("f4")
                self.classes(z, y, 2)

    # ---- float targets ----

    def check_values(self, target, p, n):
        sk = self.sk
        target, p = target.astype("f8"), p.astype("f8")
        for name, score in (("mse", sk.mean_squared_error), ("mae", sk.mean_absolute_error),
                            ("r2", sk.r2_score), ("explained_variance",
                                                  sk.explained_variance_score)):
            self.check(name, score(target, p))
            parts = score(target, p, multioutput="raw_values")
            for j in range(n):
                self.check((j, name), parts[j])
        self.check("rmse", sk.mean_squared_error(target, p, squared=False))
        correlations = {"pearson": [], "spearman": []}
        for j in range(n):
            self.check((j, "rmse"), np.sqrt(self.got[j, "mse"]))
            constant = np.ptp(target[:, j]) == 0 or np.ptp(p[:, j]) == 0
            for name in correlations:
                value = np.nan if constant else getattr(self.stats, f"{name}r")(
                    target[:, j], p[:, j])[0]
                self.check((j, name), value)
                correlations[name].append(value)
        for name, values in correlations.items():
            values = np.array(values)[~np.isnan(values)]
            self.check(name, values.mean() if len(values) else np.nan)

    def numbers(self, target, p):
        n, target, p = p.shape[1], target.astype("f4"), p.astype("f4")
        exact = target.astype("f8")
        spread = ((exact - exact.mean(axis=0)) ** 2).sum(axis=0)
        self.measure(NUMBERS, n, n, 0, [spread, p, p, target])
        self.check_values(target, p, n)
        self.check_complete()

    def test_numbers(self):
        draw = np.random.default_rng(6)
        for n, rows, steps, offset in ((1, 500, 0, 0), (3, 501, 2, 0), (2, 700, 0, 1e4), (1, 2, 0, 0)):
            with self.subTest(n=n, rows=rows, steps=steps, offset=offset):
                target = draw.normal(size=(rows, n)) + offset
                p = target + draw.normal(size=(rows, n))
                if steps:
                    target, p = np.round(target * steps) / steps, np.round(p * steps) / steps
                self.numbers(target, p)

    def test_constant_numbers(self):
        draw = np.random.default_rng(7)
        target, p = draw.normal(size=(100, 4)), draw.normal(size=(100, 4))
        p[:, 0] = 0.3  # constant predictions
        target[:, 1] = 0.7  # constant targets, missed
        target[:, 2] = p[:, 2] = 0.1  # and met
        self.numbers(target, p)
        self.assertTrue(np.isnan(self.got[0, "pearson"]) and np.isnan(self.got[1, "spearman"]))
        self.assertEqual((self.got[1, "r2"], self.got[2, "r2"]), (0, 1))
        self.numbers(target[:, :1] * 0 + 1, p[:, :1])
        self.assertTrue(np.isnan(self.got["pearson"]))

    def test_flags(self):
        draw = np.random.default_rng(8)
        for steps in (0, 3):
            with self.subTest(steps=steps):
                target = (draw.random((600, 4)) < [0.5, 0.1, 0, 0.9]).astype("f4")
                z = draw.normal(size=target.shape) + 2 * target - 1
                z = (np.round(z * steps) / steps if steps else z).astype("f4")
                z[:, 1] -= 20  # never said
                p, said = sigmoid(z).astype("f4"), (z > 0).astype("i4")
                exact = target.astype("f8")
                spread = ((exact - exact.mean(axis=0)) ** 2).sum(axis=0)
                self.measure(FLAGS, 4, 4, 0, [spread, z, p, target])
                self.check_values(target, p, 4)
                self.check("subset_accuracy", self.sk.accuracy_score(target, said))
                self.check("output_accuracy", 1 - self.sk.hamming_loss(target, said))
                present = np.flatnonzero(target.any(axis=0))
                self.check_fractions(
                    target.T > 0, said.T > 0, lambda score, average: score(
                        target.astype("i4"), said, labels=range(4) if average == "micro" else present,
                        average=average, zero_division=0))
                self.check_areas(list(target.T > 0), p, 4)
                self.check_complete()


if __name__ == "__main__":
    lockstep_test.main()

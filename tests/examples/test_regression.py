"""Regression: configs/examples/linear-regression.yaml beside the closed form and the exact recursion of
gradient descent, logistic-regression.yaml beside scikit-learn. Skipped where the data are not there."""
import csv

import numpy as np

import lockstep_test
from lockstep_test import need_module, need_shared
from worked_examples import Example


class Linear(Example):
    def setUp(self):
        super().setUp()
        table, = need_shared("linear_regression/covid_denmark.csv")
        self.give(table)
        with open(table, newline="", encoding="utf-8") as f:
            rows = [r for r in csv.DictReader(f) if "2020-03-14" <= r["date"] <= "2020-07-31"]
        self.assertEqual(len(rows), 139)
        self.x = np.array([float(r["new_cases"]) for r in rows])
        self.y = np.array([float(r["new_deaths"]) for r in rows])
        self.follow("linear-regression")

    def line(self, run):
        """Slope and constant."""
        found = self.weights(run)
        return np.array([found["0_dense/weight"][0, 0], found["0_dense/bias"][0]], "f8")

    def test_recursion(self):
        """20 steps in float64. Sums of 139 products and steps in float32: 1e-5 of the value."""
        a = b = 0.0
        losses = []
        for _ in range(20):
            error = a * self.x + b - self.y
            losses.append((error ** 2).mean())
            a, b = (a - 1e-6 * 2 * (error * self.x).mean(), b - 1e-6 * 2 * error.mean())
        told = [line["train_loss"] for line in self.epochs("linear-regression")]
        np.testing.assert_allclose(told, losses, rtol=1e-5)
        np.testing.assert_allclose(self.line("linear-regression"), [a, b], rtol=1e-5)

    def test_closed_form(self):
        """One step on standardized inputs. 1e-5: the mean and deviation are float32 there."""
        columns = np.stack([self.x, np.ones_like(self.x)], axis=1)
        solution = np.linalg.solve(columns.T @ columns, columns.T @ self.y)
        a, b = self.line("linear-regression-standardized")
        a, b = a / self.x.std(), b - a * self.x.mean() / self.x.std()
        np.testing.assert_allclose([a, b], solution, rtol=1e-5)


class Logistic(Example):
    def test_scikit_learn(self):
        """Coefficients of up to 1.3; 1,500 epochs leave 1e-4 of a difference."""
        sklearn = need_module("sklearn.linear_model")
        need_module("sklearn.datasets")
        self.follow("logistic-regression")
        data = sklearn.datasets.load_breast_cancer()
        x = (data.data - data.data.mean(0)) / data.data.std(0)
        model = sklearn.linear_model.LogisticRegression(C=1, tol=1e-10, max_iter=10000)
        model.fit(x, data.target)
        found = self.weights("logistic-regression")
        self.assertGreater(np.abs(model.coef_).max(), 1)
        np.testing.assert_allclose(found["0_dense/weight"], model.coef_, atol=1e-3)
        np.testing.assert_allclose(found["0_dense/bias"], model.intercept_, atol=1e-3)


if __name__ == "__main__":
    lockstep_test.main()

"""A linear autoencoder: configs/examples/autoencoder.yaml beside the principal components.

The least error that a bottleneck of k units leaves is that of the first k principal components, and
only maps onto their subspace have it (Baldi and Hornik 1989): the largest angle between that and the
subspace of the decoder's weights, and that of the encoder's, is below 1e-2. Skipped without scikit-learn's
data.
"""
import os

import numpy as np

import lockstep_test
from lockstep_test import need_module
from worked_examples import Example


def largest_angle(a, b):
    """Between the column spaces, in radians (Bjorck and Golub 1973)."""
    a, b = np.linalg.qr(a)[0], np.linalg.qr(b)[0]
    return np.arcsin(min(1, np.linalg.norm(a - b @ (b.T @ a), 2)))


class Autoencoder(Example):
    def test_principal_subspace(self):
        x = need_module("sklearn.datasets").datasets.load_digits().data
        self.follow("autoencoder")
        centered = x - x.mean(0)
        components = np.linalg.svd(centered, full_matrices=False)[2]
        found = self.weights("autoencoder")
        wanted = components[:4].T
        print(largest_angle(found["1_dense/weight"].astype("f8"), wanted), largest_angle(found["0_dense/weight"].T.astype("f8"), wanted), self.epochs("autoencoder")[-1]["train_loss"])
        self.assertLess(largest_angle(found["1_dense/weight"].astype("f8"), wanted), 1e-2)
        self.assertLess(largest_angle(found["0_dense/weight"].T.astype("f8"), wanted), 1e-2)
        rest = centered - centered @ wanted @ wanted.T
        print((rest**2).mean())
        # At the minimum an error of the angles counts squared only.
        self.assertAlmostEqual(self.epochs("autoencoder")[-1]["train_loss"] / (rest ** 2).mean(), 1,
                               delta=1e-4)


if __name__ == "__main__":
    lockstep_test.main()

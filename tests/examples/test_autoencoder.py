"""Linear autoencoders: configs/examples/autoencoder.yaml and tied-autoencoder.yaml beside the principal
components.

The least error that a bottleneck of k units leaves is that of the first k principal components, and
only maps onto their subspace have it (Baldi and Hornik 1989). Descent comes near it, not there: angles
below 1e-2, where 500 epochs leave about 1e-4. With one matrix W for both ways the least error asks
for a projection, W W^T = 1. Skipped without scikit-learn's data.
"""
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
        components = np.linalg.svd(x - x.mean(0), full_matrices=False)[2]
        decoder = self.weights("autoencoder")["1_dense/weight"].astype("f8")
        self.assertEqual(decoder.shape, (64, 4))
        self.assertLess(largest_angle(decoder, components[:4].T), 1e-2)
        # Another one of the components is far: the fourth and the fifth are not alike.
        self.assertGreater(largest_angle(decoder, components[[0, 1, 2, 4]].T), 1)

    def test_principal_subspace_of_one_matrix(self):
        x = need_module("sklearn.datasets").datasets.load_digits().data
        self.follow("tied-autoencoder")
        components = np.linalg.svd(x - x.mean(0), full_matrices=False)[2]
        found = self.weights("tied-autoencoder")
        self.assertEqual({name: w.shape for name, w in found.items()},
                         {"0_dense/weight": (4, 64), "1_tied/bias": (64,)})
        weights = found["0_dense/weight"].astype("f8")
        self.assertLess(largest_angle(weights.T, components[:4].T), 1e-2)
        self.assertGreater(largest_angle(weights.T, components[[0, 1, 2, 4]].T), 1)
        np.testing.assert_allclose(weights @ weights.T, np.eye(4), rtol=0, atol=1e-3)


if __name__ == "__main__":
    lockstep_test.main()

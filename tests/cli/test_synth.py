"""lockstep synth: the same bits always, and data that look and learn as they should."""
import hashlib
import os
import subprocess

import h5py
import lockstep_test
import numpy as np

SMALL = ("--samples", 300, "--features", 601, "--classes", 9, "--donors", 40)
# SHA-256 of X of SMALL with seed 5. The values are made by additions and multiplications alone, so
# they are the same on every machine; a change here is a change of everybody's synthetic data.
GOLDEN = "fca33b4bf5fd415ec1f408c67573db857fc9d9b3306b4ec6a03bb48242a5e60d"


class Synth(lockstep_test.TestCase):
    def made(self, *args, **options):
        out = self.path("out.h5")
        self.ok("synth", "gtex", *args, "-o", out, **options)
        with open(out, "rb") as f:
            return f.read()

    def opened(self, *args):
        self.made(*args)
        return h5py.File(self.path("out.h5"), "r")

    def test_the_same_bytes_on_any_number_of_threads_and_ranks(self):
        first = self.made(*SMALL, threads=1)
        self.assertEqual(first, self.made(*SMALL, "--seed", 1, threads=4))
        self.assertEqual(first, self.made(*SMALL, threads=2, ranks=3))
        self.assertNotEqual(first, self.made(*SMALL, "--seed", 2))

    def test_golden(self):
        with self.opened(*SMALL, "--seed", 5) as f:
            self.assertEqual(hashlib.sha256(f["X"][:].tobytes()).hexdigest(), GOLDEN)

    def test_a_value_depends_on_its_row_and_column_only(self):
        with self.opened(*SMALL) as f:
            few = f["X"][:]
        # 50,000 columns are more than one block of them.
        with self.opened("--samples", 300, "--features", 50000, "--classes", 9, "--donors", 40) as f:
            np.testing.assert_array_equal(f["X"][:, :601], few)
            next_block = f["X"][:, 49152:49152 + 601]
        # Draws of their own: with those of the first block the mean would be about 0.4.
        both = np.corrcoef(np.log1p(few).T, np.log1p(next_block).T)
        self.assertLess(abs(np.nanmean(np.diag(both, 601))), 0.1)

    def test_it_looks_like_expression(self):
        with self.opened("--samples", 3000, "--features", 800, "--donors", 200) as f:
            x, y = f["X"][:], f["y"][:]
            groups = f["groups"][:].astype(str)
            samples = f["samples"][:].astype(str)
            self.assertEqual(len(f["classes"]), 54)
            self.assertEqual(len(set(f["features"][:])), 800)
        self.assertTrue(np.isfinite(x).all() and (x >= 0).all())
        self.assertTrue(0.25 < (x == 0).mean() < 0.6)
        self.assertGreater(x[x > 0].mean(), 3 * np.median(x[x > 0]))
        # Zeros come where a gene's mean is low.
        means = np.log1p(x).mean(axis=0)
        low, high = means < np.median(means), means >= np.median(means)
        self.assertGreater((x[:, low] == 0).mean(), 2 * (x[:, high] == 0).mean())
        counts = np.bincount(y, minlength=54)
        self.assertGreaterEqual(counts.min(), 10)
        self.assertGreater(counts.max(), 5 * counts.min())
        self.assertEqual(len(set(samples)), 3000)
        self.assertEqual(["-".join(s.split("-")[:2]) for s in samples], list(groups))
        self.assertEqual(len(set(groups)), 200)
        # A donor gives several tissues, each once (the largest class has fewer than 200 samples).
        self.assertEqual(len(set(zip(groups, y))), 3000)

    def test_a_linear_rule_learns_it_but_not_all(self):
        with self.opened("--samples", 3000, "--features", 800, "--donors", 200) as f:
            x, y, groups = np.log1p(f["X"][:]), f["y"][:], f["groups"][:]
        held_out = np.isin(groups, np.unique(groups)[::4])
        train, test = ~held_out, held_out
        x = (x - x[train].mean(axis=0)) / (x[train].std(axis=0) + 1e-6)
        centre = np.array([x[train & (y == c)].mean(axis=0) for c in range(54)])
        score = x[test] @ centre.T - (centre ** 2).sum(axis=1) / 2
        accuracy = (score.argmax(axis=1) == y[test]).mean()
        self.assertTrue(0.85 < accuracy < 0.99, accuracy)

    def test_donors_have_an_effect(self):
        with self.opened("--samples", 2000, "--features", 400, "--donors", 50) as f:
            x, y, groups = np.log1p(f["X"][:]), f["y"][:], f["groups"][:]
        for c in range(54):
            x[y == c] -= x[y == c].mean(axis=0)
        donors = np.unique(groups)
        between = np.array([x[groups == d].mean(axis=0) for d in donors]).var(axis=0)
        by_chance = x.var(axis=0) / (2000 / len(donors))
        self.assertGreater(between.mean(), 2 * by_chance.mean())

    def test_bad_arguments(self):
        out = self.path("out.h5")
        for args, says in [
                (("gtexx", "-o", out), ["unknown kind of data 'gtexx'", "did you mean 'gtex'?"]),
                (("gtex",), ["no output file", "-o OUT.h5"]),
                (("gtex", "--samples", "0", "-o", out), "--samples: 0 is out of bounds"),
                (("gtex", "--samples", "x", "-o", out), "--samples: expected a whole number"),
                (("gtex", "--samples", "9", "-o", out), "9 samples are too few for 54 classes"),
                (("gtex", "--features", "100000000", "-o", out), "--features: at most 10,000,000"),
                (("gtex", "--seed", "-1", "-o", out), "--seed: -1 is out of bounds")]:
            self.fails(2, "synth", *args, says=says)
        self.fails(2, "synth", "gtex", "--sample", "9", "-o", out, says="did you mean '--samples'?",
                   ranks=(1, 3))
        self.fails(1, "synth", "gtex", *SMALL, "-o", self.path("no/out.h5"), says="no/out.h5",
                   ranks=(1, 3))
        self.assertEqual(os.listdir(self.dir), [])

    def test_full_disk(self):
        disk = self.path("disk")
        os.mkdir(disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk],
                          stderr=subprocess.DEVNULL).returncode:
            self.skipTest("mounting a small file system needs root")
        try:
            self.fails(1, "synth", "gtex", "--samples", 1000, "--features", 2000, "-o",
                       os.path.join(disk, "out.h5"), says="No space left on device", ranks=(1, 3))
            self.assertEqual(os.listdir(disk), [])
        finally:
            subprocess.run(["umount", disk], check=True)


lockstep_test.main()

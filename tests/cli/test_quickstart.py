"""jobs/quickstart.sh on a small stand-in for Fashion-MNIST, with the program that is tested.

.ci/run and tests/support/fresh_machine.sh run it on the real images.
"""
# processors: 2
import gzip
import os
import re
import struct
import subprocess

import lockstep_test as lt
import numpy


def write_idx(path, array):
    """IDX of unsigned bytes: magic 0 0 8 rank, the big-endian lengths, the bytes."""
    with gzip.open(path, "wb") as f:
        f.write(bytes([0, 0, 8, array.ndim]))
        f.write(struct.pack(f">{array.ndim}I", *array.shape))
        f.write(array.astype(numpy.uint8).tobytes())


class Quickstart(lt.TestCase):
    def setUp(self):
        super().setUp()
        os.makedirs(self.path("idx files"))
        rng = numpy.random.default_rng(3)
        for prefix, rows in (("train", 600), ("t10k", 90)):
            labels = numpy.arange(rows) % 10
            images = rng.integers(0, 40, (rows, 28, 28))
            images[numpy.arange(rows), labels, :] += 200  # class k: a bright row k
            write_idx(self.path("idx files", f"{prefix}-images-idx3-ubyte.gz"), images)
            write_idx(self.path("idx files", f"{prefix}-labels-idx1-ubyte.gz"), labels)

    def quickstart(self, *args, **env):
        environment = dict(os.environ, LOCKSTEP=lt.LOCKSTEP, LOCKSTEP_WORK=self.path("my work"),
                           FASHION_MNIST_DIR=self.path("idx files"))
        environment.update(env)
        done = subprocess.run([os.path.join(lt.SOURCE, "jobs", "quickstart.sh"), "--no-install",
                               *args], cwd=self.dir, env=environment, timeout=250, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)
        return lt.Result(done.returncode, done.stdout, done.stderr, 0)

    def test_trains_once_and_shows_the_result(self):
        r = self.quickstart("--set", "train.epochs=2")
        self.assertEqual(r.code, 0, repr(r))
        self.assertIn("training: done in", r.out)
        accuracy = re.search(r"^test accuracy +(\d\.\d+) on 90 images$", r.out, re.M)
        self.assertTrue(accuracy, repr(r))
        # Each class has a bright row of its own; chance is 0.1.
        self.assertGreater(float(accuracy.group(1)), 0.5, repr(r))
        self.assertIn(self.path("my work", "runs", "fashion-mnist"), r.out)

        again = self.quickstart("--set", "train.epochs=2")
        self.assertEqual(again.code, 0, repr(again))
        self.assertIn("data: already there", again.out)
        self.assertIn("training: already there", again.out)
        self.assertIn(accuracy.group(), again.out)

    def test_says_how_to_get_the_images(self):
        r = self.quickstart(FASHION_MNIST_DIR=self.path("nothing"))
        self.assertEqual(r.code, 1, repr(r))
        self.assertIn("dataset-fashion-mnist", r.err)
        self.assertFalse(os.listdir(self.path("my work", "data")))

    def test_hands_on_the_exit_code_of_the_training(self):
        r = self.quickstart("--set", "train.epoch=2")
        self.assertEqual(r.code, 2, repr(r))
        self.assertIn("did you mean 'epochs'", r.err)


lt.main()

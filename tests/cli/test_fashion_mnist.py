# timeout: 600
# processors: 2
# slow
"""jobs/quickstart.sh on the real images: the accuracy that the README promises. Skipped where
Fashion-MNIST is not installed. test_quickstart.py tests the script's other ways."""
import os
import re
import subprocess
import unittest

import lockstep_test
from lockstep_test import LOCKSTEP, SOURCE, TestCase

IMAGES = os.environ.get("FASHION_MNIST_DIR", "/usr/share/datasets/fashion-mnist")


class FashionMnist(TestCase):
    def quickstart(self):
        environment = dict(os.environ, LOCKSTEP=LOCKSTEP, LOCKSTEP_WORK=self.path("wo rk"))
        environment.pop("OMP_NUM_THREADS", None)
        done = subprocess.run([os.path.join(SOURCE, "jobs", "quickstart.sh"), "--no-install"],
                              cwd=self.dir, env=environment, text=True, timeout=550,
                              stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    @unittest.skipUnless(os.path.isdir(IMAGES), f"{IMAGES} is not there")
    def test_accuracy(self):
        out = self.quickstart()
        accuracy = float(re.search(r"test accuracy\s+([0-9.]+)", out).group(1))
        # PyTorch with the same network: 0.886. The config alone decides the figure on a CPU type.
        self.assertGreaterEqual(accuracy, 0.885)


if __name__ == "__main__":
    lockstep_test.main()

# timeout: 600
# slow
"""With libxsmm the same weights on processors with other instruction sets: valgrind runs the program
on one of its own, with AVX2 and without AVX-512, so that all libraries choose other kernels."""
import os
import shutil
import subprocess
import unittest

import experiments
import lockstep_test
from lockstep_test import LOCKSTEP

# Those that a slow processor is through with in seconds.
SMALL = ("values", "tiny", "features_values", "activations")


@unittest.skipUnless(shutil.which("valgrind"), "there is no valgrind")
@unittest.skipUnless(lockstep_test.has_libxsmm(), "built without libxsmm, or no AVX2")
class InstructionSets(lockstep_test.TestCase):
    def weights(self, name, label, *launcher):
        run_dir = self.path(f"{name}-{label}")
        command = [*launcher, LOCKSTEP, "train", experiments.make(self.dir, name), "--run-dir", run_dir,
                   "--set", "compute.gemm=libxsmm"]
        done = subprocess.run(command, env=dict(os.environ, OMP_NUM_THREADS="1"), text=True,
                              capture_output=True, timeout=200)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.ok("inspect", f"{run_dir}/checkpoints/last.h5", "--hash").out

    def test_weights(self):
        for name in SMALL:
            with self.subTest(experiment=name):
                self.assertEqual(self.weights(name, "own"),
                                 self.weights(name, "other", "valgrind", "--tool=none", "-q"))


if __name__ == "__main__":
    lockstep_test.main()

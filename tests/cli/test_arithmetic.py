# timeout: 120
# processors: 2
"""The arithmetic's fingerprint tells machines apart by what they compute, and ranks that do not
compute the same bits do not train together."""
import os
import platform
import re
import subprocess
import unittest

import h5py
import numpy as np

import lockstep_test
from lockstep_test import LOCKSTEP, MPIEXEC, TestCase

CONFIG = """
data: {file: d.h5, split: {train: 0.8, val: 0.2}}
model: [{dense: {units: 2}}]
loss: softmax_cross_entropy
batch: {size: 8, lanes: 2}
train: {epochs: 1}
"""
# OpenBLAS's builds for several processors take one by its name; this one runs on any x86-64.
OLD = "Nehalem"


def cores_can_be_chosen():
    if platform.machine() != "x86_64":
        return False
    env = dict(os.environ, OPENBLAS_CORETYPE=OLD)
    out = subprocess.run([LOCKSTEP, "--version"], env=env, text=True, capture_output=True).stdout
    return f"core {OLD}" in out


def has_avx2():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            return " avx2 " in f.read() and cores_can_be_chosen()
    except OSError:
        return False


class Arithmetic(TestCase):
    def fingerprint(self, library="OpenBLAS", **env):
        out = self.ok("--version", env=env).out
        return re.search(rf"^arithmetic: +([0-9a-f]{{32}}) by {library}", out, re.M).group(1)

    def train_apart(self, gemm, first, second):
        """Two ranks, each with a setting of its own."""
        with h5py.File(self.path("d.h5"), "w") as f:
            f["X"] = np.arange(80, dtype="f4").reshape(40, 2)
            f["y"] = np.arange(40, dtype="i4") % 2
        self.write("c.yaml", CONFIG + f"compute: {{gemm: {gemm}}}\n")
        command = [LOCKSTEP, "train", "c.yaml", "--overwrite"]
        return subprocess.run(
            [MPIEXEC, "-n", "1", "-x", first, *command, ":", "-n", "1", "-x", second, *command],
            cwd=self.dir, text=True, capture_output=True, timeout=60)

    def test_threads_do_not_change_it(self):
        self.assertEqual(len({self.fingerprint(OMP_NUM_THREADS=n) for n in "124"}), 1)

    @unittest.skipUnless(cores_can_be_chosen(), "this OpenBLAS has one kind of kernels")
    def test_kernels_change_it(self):
        self.assertNotEqual(self.fingerprint(OPENBLAS_CORETYPE=OLD),
                            self.fingerprint(OPENBLAS_CORETYPE="Haswell"))

    @unittest.skipUnless(lockstep_test.has_libxsmm(), "built without libxsmm, or no AVX2")
    def test_instruction_sets_do_not_change_that_of_libxsmm(self):
        self.assertEqual(self.fingerprint("libxsmm", LIBXSMM_TARGET="hsw"),
                         self.fingerprint("libxsmm"))

    @unittest.skipUnless(has_avx2(), "no AVX2, or an OpenBLAS with one kind of kernels")
    def test_kernels_are_not_those_of_an_old_processor(self):
        """Whether or not OpenBLAS knows this one."""
        env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
        version = [LOCKSTEP, "--version"]
        for command in (version, [MPIEXEC, "-n", "2", *version]):
            out = subprocess.run(command, env=env, text=True, capture_output=True, check=True).stdout
            self.assertIn("core ", out)
            self.assertNotIn("core Prescott", out)
        self.assertIn("core Prescott", self.ok("--version", env={"OPENBLAS_CORETYPE": "Prescott"}).out)

    @unittest.skipUnless(cores_can_be_chosen(), "this OpenBLAS has one kind of kernels")
    def test_unequal_ranks_do_not_train(self):
        done = self.train_apart("openblas", "OPENBLAS_CORETYPE=Haswell", f"OPENBLAS_CORETYPE={OLD}")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stderr.count("lockstep: error:"), 1, done.stderr)
        self.assertIn("does not compute the bits of rank 0", done.stderr)
        self.assertFalse(os.path.exists(self.path("runs")))

    @unittest.skipUnless(lockstep_test.has_libxsmm(), "built without libxsmm, or no AVX2")
    def test_ranks_with_other_instruction_sets(self):
        """They train together; where one has no libxsmm, auto is openblas for all."""
        hashes = {}
        for gemm, second, resolved in (("auto", "hsw", "libxsmm"), ("libxsmm", "hsw", "libxsmm"),
                                       ("auto", "snb", "openblas"), ("openblas", "snb", "openblas")):
            done = self.train_apart(gemm, "LIBXSMM_TARGET=skx", f"LIBXSMM_TARGET={second}")
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(self.path("runs/run/config.yaml"), encoding="utf-8") as f:
                self.assertIn(f"gemm: {resolved}\n", f.read())
            got = self.ok("inspect", self.path("runs/run/checkpoints/last.h5"), "--hash").out
            self.assertEqual(hashes.setdefault(resolved, got), got)

    @unittest.skipUnless(lockstep_test.has_libxsmm(), "built without libxsmm, or no AVX2")
    def test_a_run_goes_on_with_its_library(self):
        without = {"LIBXSMM_TARGET": "snb"}
        self.assertEqual(self.train_apart("auto", "OMP_NUM_THREADS=1", "OMP_NUM_THREADS=1").returncode, 0)
        more = ("train", "c.yaml", "--resume", "--set", "train.epochs=2", "--set")
        self.fails(1, *more, "compute.gemm=auto", cwd=self.dir, env=without,
                   says="libxsmm: it has no kernels with fused operations for this processor")
        self.fails(2, *more, "compute.gemm=openblas", cwd=self.dir,
                   says="compute.gemm differs from the run that is resumed")
        self.ok("evaluate", "runs/run", cwd=self.dir, env=without)
        self.ok(*more, "compute.gemm=auto", cwd=self.dir)


if __name__ == "__main__":
    lockstep_test.main()

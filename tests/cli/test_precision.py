# timeout: 240
# processors: 2
"""precision: bf16: one result on any number of ranks and threads, near that of float32, and clear
words where it is not to be had."""
import json
import subprocess
import unittest

import experiments
import lockstep_test
from experiments import dense
from lockstep_test import LOCKSTEP, MPIEXEC

# An x86 processor that neither has.
WITHOUT = {"ONEDNN_MAX_CPU_ISA": "AVX2"}
MISSING = ("lockstep: error: precision: bf16: this ", "libdnnl-dev", "or use precision: f32")


class TestCase(lockstep_test.TestCase):
    """Widths that no tile divides evenly, and enough of them for several steps of the sums."""

    def setUp(self):
        super().setUp()
        self.ok("synth", "gtex", "--samples", 480, "--features", 1150, "--classes", 11, "--donors",
                60, "-o", self.path("d.h5"))
        self.config = experiments.write_config(self.path("c.yaml"), {
            "data": {"file": "d.h5", "split": {"train": 0.8, "val": 0.2, "group": "groups"},
                     "transform": ["log1p", "standardize"]},
            "model": [dense(70), "relu", {"dropout": {"rate": 0.1}}, dense(33), "tanh", dense(11)],
            "loss": "softmax_cross_entropy", "optimizer": {"adam": {"lr": 0.002}},
            "batch": {"size": 96}, "train": {"epochs": 3}, "precision": "bf16"})

    def train(self, run, *sets, **options):
        words = [word for s in sets for word in ("--set", s)]
        self.ok("train", self.config, "--run-dir", self.path(run), *words, **options)
        return self.ok("inspect", self.path(run, "checkpoints", "last.h5"), "--hash").out

    def epochs(self, run):
        with open(self.path(run, "metrics.jsonl"), encoding="utf-8") as f:
            return [json.loads(line) for line in f]


@unittest.skipUnless(lockstep_test.has_bf16(), "built without oneDNN, or neither AMX nor AVX512-BF16")
class Bf16(TestCase):
    def test_ranks_and_threads_do_not_matter(self):
        for strategy in ("data", "features"):
            settings = ((0, 1), (0, 2), (2, 1), (3, 2), (4, 1))
            found = {self.train(f"{strategy}{ranks}{threads}", f"parallel.strategy={strategy}",
                                ranks=ranks, threads=threads) for ranks, threads in settings}
            run = f"{strategy}-resumed"
            same = f"parallel.strategy={strategy}"
            self.train(run, same, "train.epochs=1", ranks=3, threads=1)
            self.ok("train", self.config, "--run-dir", self.path(run), "--resume", "--set", same,
                    ranks=2, threads=1)
            found.add(self.ok("inspect", self.path(run, "checkpoints", "last.h5"), "--hash").out)
            self.assertEqual(len(found), 1, strategy)

    def test_it_learns_what_float32_does(self):
        self.assertNotEqual(self.train("bf16"), self.train("f32", "precision=f32"))
        for a, b in zip(self.epochs("bf16"), self.epochs("f32")):
            for key in ("train_loss", "val_loss"):
                # 8 binary digits: an operand is off by at most 2^-9.
                self.assertAlmostEqual(a[key] / b[key], 1, delta=0.02)
                self.assertNotEqual(a[key], b[key])
        with open(self.path("bf16", "config.yaml"), encoding="utf-8") as f:
            self.assertIn("\nprecision: bf16\n", f.read())

    def test_a_run_keeps_its_precision(self):
        self.train("run")
        more = ("train", self.config, "--run-dir", self.path("run"), "--resume", "--set",
                "train.epochs=4")
        self.fails(2, *more, "--set", "precision=f32",
                   says="precision differs from the run that is resumed")
        self.fails(1, *more, env=WITHOUT, says=MISSING)
        self.ok(*more)

    def test_a_model_is_applied_without(self):
        self.train("run", "train.epochs=1")
        losses = []
        for env in ({}, WITHOUT):
            done = self.ok("evaluate", self.path("run"), "--json", env=env)
            losses.append(json.loads(done.out)["loss"])
            self.assertEqual("it is applied in float32" in done.err, env == WITHOUT, done)
            self.ok("predict", self.path("run"), "--data", self.path("d.h5"), "-o",
                    self.path("p.csv"), env=env)
        self.assertAlmostEqual(losses[0], self.epochs("run")[0]["val_loss"], delta=1e-12)
        self.assertNotEqual(losses[0], losses[1])
        self.assertAlmostEqual(losses[0] / losses[1], 1, delta=0.02)

    @unittest.skipUnless("AMX" in lockstep_test.run("--version").out, "no AMX")
    def test_processors_are_not_mixed(self):
        """Where both have oneDNN's kernels for AVX512-BF16, ranks train together again."""
        def ranks(first, second):
            one = [LOCKSTEP, "train", self.config, "--run-dir", self.path("run"), "--overwrite"]
            isa = [("-x", f"ONEDNN_MAX_CPU_ISA=AVX512_CORE_{name}") for name in (first, second)]
            return subprocess.run([MPIEXEC, "-n", "1", *isa[0], *one, ":", "-n", "1", *isa[1], *one],
                                  text=True, capture_output=True, timeout=60, check=False)

        done = ranks("AMX", "BF16")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("does not compute the bits of rank 0", done.stderr)
        done = ranks("BF16", "BF16")
        self.assertEqual(done.returncode, 0, done.stderr)


class Missing(TestCase):
    def test_it_says_what_is_missing(self):
        self.fails(1, "train", self.config, "--run-dir", self.path("run"), ranks=(0, 3),
                   env=WITHOUT, says=MISSING)


if __name__ == "__main__":
    lockstep_test.main()

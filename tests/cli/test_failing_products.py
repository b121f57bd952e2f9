# timeout: 240
# processors: 2
"""A call of oneDNN that fails: the command ends alike on all ranks with what it said, and in which
step; nothing that came of it is written."""
import os
import shutil
import unittest

import experiments
import lockstep_test
from experiments import dense

FAULTS = os.environ.get("LOCKSTEP_FAULTS", "lockstep-faults")
CALL, START = "dnnl_primitive_execute", "dnnl_engine_create"
STEPS = 4  # of an epoch
SAYS = "oneDNN: a product of matrices failed (runtime_error)"


@unittest.skipUnless(lockstep_test.has_bf16(), "built without oneDNN, or neither AMX nor AVX512-BF16")
class FailingProducts(lockstep_test.TestCase):
    def setUp(self):
        super().setUp()
        self.data = experiments.classes(self.path("d.h5"), 32 * STEPS, 90, 4)
        self.config = self.write_config("c.yaml")

    def write_config(self, name, **more):
        return experiments.write_config(self.path(name), {
            "data": {"file": self.data, "split": {"train": 1}}, "model": [dense(40), "relu", dense(4)],
            "loss": "softmax_cross_entropy", "batch": {"size": 32, "lanes": 4},
            "train": {"epochs": 1}, "precision": "bf16", **more})

    def run_faulty(self, *args, call, of=CALL, ranks=0, threads=1):
        """With a call of the last rank that fails: the first one is 1."""
        return lockstep_test.run(*args, program=FAULTS, ranks=ranks, threads=threads, timeout=60,
                                 env={"LOCKSTEP_FAULT": f"{max(ranks, 1) - 1}:{of}:{call}"})

    def calls(self, *args, of=CALL, ranks=0, threads=1):
        """How often the last rank multiplies in a command."""
        prefix = self.path("calls")
        self.ok(*args, program=FAULTS, ranks=ranks, threads=threads,
                env={"LOCKSTEP_FAULT_COUNTS": prefix})
        with open(f"{prefix}.{max(ranks, 1) - 1}", encoding="utf-8") as f:
            return int(dict(line.split() for line in f)[of])

    def train(self, *sets, config=None):
        words = [word for s in sets for word in ("--set", s)]
        return ("train", config or self.config, "--run-dir", self.path("run"), "--overwrite", *words)

    def calls_of_steps(self, *sets, **options):
        """Of what is multiplied before the first step, and of a step."""
        one, two = (self.calls(*self.train(*sets, f"train.epochs={n}"), **options) for n in (1, 2))
        self.assertEqual((two - one) % STEPS, 0)
        of_step = (two - one) // STEPS
        return one - STEPS * of_step, of_step

    def check(self, r, *says):
        self.assertEqual(r.code, 1, repr(r))
        self.assertEqual(r.err.count("lockstep: error:"), 1, repr(r))
        self.assertEqual(r.err.count("hint:"), 1, repr(r))
        for text in (*says, "precision: f32"):
            self.assertIn(text, r.err)

    def checkpoints(self):
        folder = self.path("run", "checkpoints")
        return [n for n in os.listdir(folder) if n.endswith(".h5")] if os.path.isdir(folder) else []

    def test_training_tells_the_step(self):
        """The first product of a step is its forward pass's, the last its backward pass's."""
        for ranks in (0, 2):
            for strategy in ("data", "features"):
                sets = (f"parallel.strategy={strategy}",)
                before, of_step = self.calls_of_steps(*sets, ranks=ranks)
                for step in (1, 3, STEPS):
                    for call in (1, of_step):
                        with self.subTest(ranks=ranks, strategy=strategy, step=step, call=call):
                            r = self.run_faulty(*self.train(*sets), ranks=ranks,
                                                call=before + (step - 1) * of_step + call)
                            self.check(r, f"epoch 1, step {step}: {SAYS}", "--resume")
                            self.assertEqual(self.checkpoints(), [])

    def test_no_checkpoint_holds_what_came_of_it(self):
        """One after every step: the run goes on from the last one before the failure."""
        sets = ("checkpoint.every_steps=1",)
        for ranks in (0, 2):
            before, of_step = self.calls_of_steps(*sets, ranks=ranks)
            self.ok(*self.train(*sets), ranks=ranks)
            last = self.path("run", "checkpoints", "last.h5")
            want = self.ok("inspect", last, "--hash").out
            for step in (2, STEPS):
                with self.subTest(ranks=ranks, step=step):
                    r = self.run_faulty(*self.train(*sets), ranks=ranks,
                                        call=before + step * of_step)
                    self.check(r, f"epoch 1, step {step}: {SAYS}")
                    args = [a for a in self.train(*sets) if a != "--overwrite"]
                    r = self.ok(*args, "--resume", ranks=ranks)
                    self.assertIn(f"after epoch 0, step {step - 1}", r.err)
                    self.assertEqual(self.ok("inspect", last, "--hash").out, want)

    def test_a_thread_of_many(self):
        before, of_step = self.calls_of_steps(threads=4)
        for call in range(1, of_step + 1):
            r = self.run_faulty(*self.train(), threads=4, call=before + of_step + call)
            self.check(r, f"epoch 1, step 2: {SAYS}")

    def test_before_the_first_step(self):
        """Calls that try the kernels, and those that all ranks compare."""
        for ranks in (0, 2):
            before, _ = self.calls_of_steps(ranks=ranks)
            for call in (1, 2, before // 2, before):
                with self.subTest(ranks=ranks, call=call):
                    r = self.run_faulty(*self.train(), ranks=ranks, call=call)
                    self.check(r, f"lockstep: error: {SAYS}")

    def test_a_model_that_is_read_without(self):
        """Then it is one for float32: to apply it will do, to train it further will not."""
        for ranks in (0, 2):
            self.ok(*self.train())
            args = [a for a in self.train("train.epochs=2") if a != "--overwrite"] + ["--resume"]
            shutil.copytree(self.path("run"), self.path("before"), dirs_exist_ok=True)
            last = self.calls(*args, of=START, ranks=ranks)
            shutil.rmtree(self.path("run"))
            shutil.copytree(self.path("before"), self.path("run"))
            r = self.run_faulty(*args, of=START, ranks=ranks, call=last)
            self.assertEqual(r.code, 1, repr(r))
            self.assertIn("last.h5: while it was read onednn could not be used\nhint: ", r.err)

    def test_a_plan(self):
        args = (*self.train(), "--dry-run")
        for ranks in (0, 2):
            last = self.calls(*args, ranks=ranks)
            self.check(self.run_faulty(*args, ranks=ranks, call=last), SAYS)

    def test_validation(self):
        for ranks in (0, 2):
            args = self.train(config=self.write_config(
                "v.yaml", data={"file": self.data, "split": {"train": 0.5, "val": 0.5}}))
            last = self.calls(*args, ranks=ranks)
            with self.subTest(ranks=ranks):
                self.check(self.run_faulty(*args, ranks=ranks, call=last), SAYS)
                self.assertEqual(self.checkpoints(), [])

    def test_models_that_are_applied(self):
        self.ok(*self.train())
        # a block of rows for each rank
        data = experiments.classes(self.path("more.h5"), 512, 90, 4)
        out = self.path("p.csv")
        for args in (("evaluate", self.path("run"), "--data", data, "--json"),
                     ("predict", self.path("run"), "--data", data, "-o", out)):
            for ranks in (0, 2):
                with self.subTest(args=args[0], ranks=ranks):
                    last = self.calls(*args, ranks=ranks)
                    if os.path.exists(out):
                        os.remove(out)
                    r = self.run_faulty(*args, ranks=ranks, call=last)
                    self.check(r, SAYS)
                    self.assertEqual(r.out, "")
                    self.assertFalse(os.path.exists(out))


if __name__ == "__main__":
    lockstep_test.main()

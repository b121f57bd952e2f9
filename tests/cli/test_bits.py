# processors: 2
# timeout: 600
"""The config alone decides the result, beyond what test_matrix.py shows of every pair of choices:
lanes without rows and a single lane; what evaluate and predict make of a run on other ranks and
threads; runs that a signal stops again and again and that go on with other ranks; epochs added.

Checkpoints are compared array by array, metrics.jsonl line by line, the output of evaluate and the
files of predict byte by byte.
"""
import json
import os
import signal
import subprocess
import time

import experiments
import lockstep_test
from experiments import EXPERIMENTS


class Bits(lockstep_test.TestCase):
    def train(self, config, run_dir, *args, **options):
        return self.ok("train", config, "--run-dir", self.path(run_dir), *args, **options)

    def result(self, run_dir):
        checkpoints = self.path(run_dir, "checkpoints")
        return {"last": experiments.contents(f"{checkpoints}/last.h5"),
                "best": experiments.contents(f"{checkpoints}/best.h5"),
                "metrics": experiments.metrics(self.path(run_dir))}

    def assert_same(self, expected, run_dir):
        result = self.result(run_dir)
        for part in ("last", "best"):
            different = [k for k in expected[part].keys() | result[part].keys()
                         if expected[part].get(k) != result[part].get(k)]
            self.assertEqual(different, [], f"{run_dir}: {part}.h5 differs")
        self.assertEqual(expected["metrics"], result["metrics"])

    def test_few_lanes_and_empty_ones(self):
        for name, others in (("tiny", [(1, 4), (2, 1), (3, 4), (4, 1), (8, 2)]),
                             ("lane", [(1, 2), (1, 4)])):
            config = experiments.make(self.dir, name)
            self.train(config, "reference", "--overwrite", threads=1)
            expected = self.result("reference")
            for ranks, threads in others:
                with self.subTest(experiment=name, ranks=ranks, threads=threads):
                    self.train(config, "run", "--overwrite", ranks=ranks, threads=threads)
                    self.assert_same(expected, "run")

    def check_outputs(self, name):
        config = experiments.make(self.dir, name)
        self.train(config, "run", "--overwrite")
        most = min(8, EXPERIMENTS[name][1]["batch"].get("lanes", 8))
        found = {}
        for ranks, threads in ((1, 1), (3, 2), (most, 1)):
            where = self.path("run"), "--data", self.path(f"{name}.h5")
            how = {"ranks": ranks, "threads": threads}
            outputs = [self.ok("evaluate", *where, "--json", **how).out]
            self.assertGreater(json.loads(outputs[0])["samples"], 0)
            for end in ("csv", "h5"):
                self.ok("predict", *where, "-o", self.path(f"p.{end}"), **how)
                with open(self.path(f"p.{end}"), "rb") as f:
                    outputs.append(f.read())
            found[ranks, threads] = outputs
        for how, outputs in found.items():
            self.assertEqual(outputs, found[1, 1], how)

    def test_evaluate_and_predict(self):
        for name in ("classes", "values", "binary", "features"):
            with self.subTest(experiment=name):
                self.check_outputs(name)

    def stop_and_resume(self, config, run_dir, starts):
        """Starts at each (ranks, threads); all but the last are told to stop once they hold the
        run directory, so that a step ends them. Gives how many stopped within an epoch."""
        lock = self.path(run_dir, ".lock")
        within = 0
        for i, (ranks, threads) in enumerate(starts):
            args = ["train", config, "--run-dir", self.path(run_dir), "--resume"]
            if i + 1 == len(starts):
                self.ok(*args, ranks=ranks, threads=threads)
                break
            command = [lockstep_test.MPIEXEC, "-n", str(ranks), lockstep_test.LOCKSTEP, *args]
            run = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, "OMP_NUM_THREADS": str(threads)})
            deadline = time.monotonic() + 60
            while not os.path.exists(lock) and run.poll() is None:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.002)
            run.send_signal(signal.SIGUSR1)
            _, err = run.communicate(timeout=60)
            self.assertEqual(run.returncode, 75, err)
            self.assertNotIn("lockstep: error:", err)
            state = json.loads(self.ok("inspect", self.path(run_dir, "checkpoints", "last.h5"),
                                       "--json").out)
            within += state["epoch_step"] > 0
        return within

    def check_resume(self, name, starts, **train):
        config = experiments.make(self.dir, name, train=train)
        self.train(config, "straight", threads=2)
        within = self.stop_and_resume(config, "stopped", starts)
        self.assertGreater(within, 0, "no start was stopped within an epoch")
        self.assert_same(self.result("straight"), "stopped")

    def test_stopped_and_resumed_with_adam(self):
        self.check_resume("classes", [(2, 1), (3, 2), (1, 4), (8, 1), (4, 2)], epochs=12,
                          early_stopping={"monitor": "val_accuracy", "patience": 11})

    def test_stopped_and_resumed_with_momentum(self):
        self.check_resume("values", [(5, 1), (1, 2), (3, 1)], epochs=30)

    def test_epochs_added(self):
        for name, ranks in (("classes", 3), ("values", 4), ("binary", 6)):
            config = experiments.make(self.dir, name, train={"epochs": 5})
            self.train(config, f"{name}-straight")
            self.train(config, f"{name}-parts", "--set", "train.epochs=2", ranks=ranks)
            self.train(config, f"{name}-parts", "--resume", ranks=2)
            self.assert_same(self.result(f"{name}-straight"), f"{name}-parts")


lockstep_test.main()

"""The batch scripts of jobs/ on a real Slurm of two nodes, under srun and mpirun.

All jobs are submitted at once, as they are shipped; the tests then look at what became of them.
Slurm looks at time limits every 30 seconds: with a minute's limit and a signal 50 s before it, a
job is signalled at the next of these moments. A run that is to meet its limit has epochs without
end until it was stopped; then the config is given its end, which a resumed run may change.
"""
# timeout: 420
# processors: 2
import json
import os
import re
import unittest

import experiments
import lockstep_test as lt
import slurm_cluster
from experiments import dense

JOBS = os.path.join(lt.SOURCE, "jobs")
ENDLESS = 10000000
SMALL = ("--cpus-per-task=1", "--ntasks-per-node=1", "--time=1")
LAUNCHERS = ("srun", "mpirun")
SEEDS = (3, 11)
ENDED_FROM_OUTSIDE = ("ended-srun", "ended-mpirun")
ENVIRONMENT = {"OMPI_MCA_mpi_yield_when_idle": "1", "OMP_WAIT_POLICY": "passive",
               # The two nodes are one machine, whose cores both believe to be theirs.
               "OMP_NUM_THREADS": "1", "OMPI_MCA_odls_base_sigkill_timeout": "2",
               "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")


class Slurm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reason = slurm_cluster.why_not()
        if reason:
            raise unittest.SkipTest(reason)
        os.environ.update(ENVIRONMENT)
        cls.cluster = slurm_cluster.Cluster()
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.dir = os.path.join(cls.cluster.dir, "my work")
        os.mkdir(cls.dir)
        experiments.classes(f"{cls.dir}/d.h5", 900, 40, 3)
        cls.ids = {}
        cls.submit_all()

    @classmethod
    def path(cls, *parts):
        return os.path.join(cls.dir, *parts)

    @classmethod
    def config(cls, name, epochs, **changes):
        """Written under another name first: a job reads it whenever it starts."""
        config = {"name": name, "model": [dense(24), "relu", {"dropout": 0.2}, dense(3)],
                  "loss": "softmax_cross_entropy", "batch": {"size": 32, "lanes": 4},
                  "train": {"epochs": epochs}, "checkpoint": {"every_epochs": 100}, **changes,
                  "data": {"file": "d.h5", "split": {"val": 0.2}, **changes.get("data", {})}}
        experiments.write_config(cls.path("next.yaml"), config)
        os.rename(cls.path("next.yaml"), cls.path(f"{name}.yaml"))
        return f"{name}.yaml"

    @classmethod
    def submit(cls, name, script, *args, options=(), launcher="srun", nodes=1):
        cls.ids[name] = cls.cluster.call(
            "sbatch", "--parsable", *SMALL, f"--nodes={nodes}", f"--output={name}.log", *options,
            os.path.join(JOBS, script), *args, cwd=cls.dir, env={"LOCKSTEP_LAUNCHER": launcher})

    @classmethod
    def submit_after(cls, name, before):
        cls.ids[name] = cls.cluster.call(
            "sbatch", "--parsable", f"--dependency=afterok:{cls.ids[before]}",
            "--kill-on-invalid-dep=yes", f"--output={name}.log",
            f"--wrap={lt.LOCKSTEP} evaluate runs/{before} --split val --json", cwd=cls.dir)

    @classmethod
    def submit_all(cls):
        for launcher in LAUNCHERS:
            cls.submit(f"limit-{launcher}", "train.sbatch",
                       cls.config(f"limit-{launcher}", ENDLESS),
                       options=["--signal=B:USR1@50"], launcher=launcher, nodes=2)
            cls.submit(f"ended-{launcher}", "train.sbatch",
                       cls.config(f"ended-{launcher}", ENDLESS), options=["--time=60"],
                       launcher=launcher)
        # A signal that asks for nothing: lockstep itself knows when the job ends.
        cls.submit("limit-unasked", "train.sbatch", cls.config("limit-unasked", ENDLESS),
                   options=["--signal=B:CONT@1"])
        cls.submit_after("chained", "limit-srun")
        cls.submit("wrong", "train.sbatch", cls.config("wrong", 1, optimizer="adamm"))
        cls.submit_after("never", "wrong")
        cls.submit("absent", "train.sbatch", cls.config("absent", 1, data={"file": "no.h5"}),
                   launcher="mpirun")
        cls.submit("diverged", "train.sbatch", cls.config(
            "diverged", 1, loss={"softmax_cross_entropy": {}}, optimizer={"sgd": {
                "lr": 1e6, "momentum": 0.9}}, model=[dense(500), dense(500), dense(3)]))
        cls.submit("seeds", "array.sbatch", cls.config("seeds", ENDLESS),
                   options=["--array=3,11", "--signal=B:USR1@50", "--output=seed-%a.log"])
        for seed in SEEDS:
            cls.ids[f"seed-{seed}"] = f"{cls.ids['seeds']}_{seed}"

    def job(self, name):
        return self.cluster.job(self.ids[name])

    def until(self, name, what, done):
        """Waits until done() holds; a job that has ended without it has failed."""
        def look():
            ended = self.job(name)["JobState"] in ENDED
            if done():
                return True
            if ended:
                self.fail(f"{name} has ended before: {what}\n{self.job(name)}\n{self.log(name)}")
            return False
        self.cluster.wait_for(f"{name}: {what}", look, seconds=150)

    def wait(self, name):
        """Until the job has ended; gives what Slurm tells of it."""
        self.until(name, "its end", lambda: self.job(name)["JobState"] in ENDED)
        return self.job(name)

    def log(self, name):
        """What the job printed, without the lines of epochs."""
        if not os.path.exists(self.path(f"{name}.log")):
            return ""
        with open(self.path(f"{name}.log"), encoding="utf-8") as f:
            return "".join(x for x in f if not re.match(r" *\d+  ", x) or name == "scaling")

    def epochs(self, run):
        """Epochs that the run has done."""
        try:
            return len(experiments.metrics(self.path("runs", run)))
        except FileNotFoundError:
            return 0

    def hashes(self, run):
        return [self.lockstep("inspect", f"{run}/checkpoints/{f}.h5", "--hash").out
                for f in ("best", "last")]

    def lockstep(self, *args):
        r = lt.run(*args, cwd=self.dir)
        self.assertEqual(r.code, 0, repr(r))
        return r

    def in_queue_again(self, names):
        jobs = [self.job(name) for name in names]
        return all(int(j["Restarts"]) > 0 and j["JobState"] == "PENDING" for j in jobs)

    def give_an_end(self, open_ends):
        """{config: {job: run}}: when a config's jobs were stopped and queued again, it gets an end
        for them, before one of them starts."""
        def look():
            for config, runs in list(open_ends.items()):
                if self.in_queue_again(runs):
                    self.config(config, max(map(self.epochs, runs.values())) + 2)
                    if self.in_queue_again(runs):
                        del open_ends[config]
            return not open_ends
        self.cluster.wait_for("the stopped jobs to be queued again", look, seconds=150)

    def check_gone_on(self, name, run, ranks):
        """The job was stopped and queued again by its script, went on, and was completed."""
        job, said = self.wait(name), self.log(name)
        self.assertEqual((job["JobState"], job["ExitCode"]), ("COMPLETED", "0:0"), said)
        self.assertEqual(said.count("queued again to go on"), int(job["Restarts"]), said)
        self.assertEqual(said.count("resumed from"), int(job["Restarts"]), said)
        with open(self.path("runs", run, "provenance.json"), encoding="utf-8") as f:
            self.assertEqual([s["ranks"] for s in json.load(f)["starts"]],
                             [ranks] * (int(job["Restarts"]) + 1))

    def check_undisturbed(self, config, run, *args):
        """The run has left what it would have left without stops."""
        self.lockstep("train", f"{config}.yaml", *args, "--run-dir", f"straight/{run}")
        self.assertEqual(self.hashes(f"runs/{run}"), self.hashes(f"straight/{run}"))
        self.assertEqual(experiments.metrics(self.path("runs", run)),
                         experiments.metrics(self.path("straight", run)))

    def test_1_ended_from_outside(self):
        """A job that Slurm requeues, as for preemption, goes on; one that is cancelled stays away.
        Both times the ranks get TERM and leave a checkpoint."""
        for name in ENDED_FROM_OUTSIDE:
            self.until(name, "training", lambda n=name: self.epochs(n) > 1)
            self.cluster.call("scontrol", "requeue", self.ids[name])
        for name in ENDED_FROM_OUTSIDE:
            with self.subTest(name):
                self.until(name, "resumed", lambda n=name: "resumed from" in self.log(n))
                done = self.epochs(name)
                self.until(name, "going on", lambda n=name, d=done: self.epochs(n) > d)
                self.assertEqual(self.job(name)["Restarts"], "1")
                self.cluster.call("scancel", self.ids[name])
                job = self.wait(name)
                self.assertEqual((job["JobState"], job["Restarts"]), ("CANCELLED", "1"))
                self.cluster.wait_for(
                    f"{name}'s processes to end",
                    lambda n=name: not os.path.exists(self.path("runs", n, ".lock")))
                self.assertNotIn("queued again to go on", self.log(name))
                with open(self.path("runs", name, "log.txt"), encoding="utf-8") as f:
                    self.assertEqual(f.read().count("stopped early"), 2, self.log(name))

    def test_2_time_limit(self):
        """Signalled, stopped with a checkpoint, queued again, gone on, and the same weights."""
        self.give_an_end({
            "seeds": {f"seed-{seed}": f"seeds/seed-{seed}" for seed in SEEDS},
            **{f"limit-{x}": {f"limit-{x}": f"limit-{x}"} for x in (*LAUNCHERS, "unasked")}})
        for launcher in LAUNCHERS:
            with self.subTest(launcher):
                self.check_gone_on(f"limit-{launcher}", f"limit-{launcher}", 2)
                self.check_undisturbed(f"limit-{launcher}", f"limit-{launcher}")
        with self.subTest("not signalled"):
            self.check_gone_on("limit-unasked", "limit-unasked", 1)
            self.assertIn(": the time limit is near; go on with --resume", self.log("limit-unasked"))
        with self.subTest("what waits for it starts when the training is complete"):
            job = self.wait("chained")
            self.assertEqual(job["JobState"], "COMPLETED", self.log("chained"))
            self.assertGreaterEqual(job["StartTime"], self.job("limit-srun")["EndTime"])
            self.assertEqual(json.loads(self.log("chained"))["split"], "val")

    def test_3_array(self):
        """The same for a seed each, and each for itself."""
        for s in SEEDS:
            with self.subTest(seed=s):
                self.check_gone_on(f"seed-{s}", f"seeds/seed-{s}", 1)
                self.check_undisturbed("seeds", f"seeds/seed-{s}", "--set", f"seed={s}")

    def test_4_failures_are_not_queued_again(self):
        for name, code, says in (("wrong", 2, "did you mean 'adam'"), ("absent", 3, "no such file"),
                                 ("diverged", 4, "not")):
            with self.subTest(name):
                job = self.wait(name)
                self.assertEqual((job["JobState"], job["ExitCode"], job["Restarts"]),
                                 ("FAILED", f"{code}:0", "0"), self.log(name))
                self.assertEqual(self.log(name).count("lockstep: error:"), 1, self.log(name))
                self.assertIn(says, self.log(name))
        with self.subTest("what waits for it never starts"):
            self.assertEqual(self.wait("never")["JobState"], "CANCELLED")
            self.assertFalse(os.path.exists(self.path("never.log")))

    def test_5_scaling(self):
        """It wants whole nodes: when the other jobs are done."""
        self.submit("scaling", "scaling.sbatch", self.config("scaling", 1), nodes=2)
        job = self.wait("scaling")
        said = self.log("scaling")
        self.assertEqual(job["JobState"], "COMPLETED", said)
        rows = re.findall(r"^ +(\d+) +(\d+) +(\d+) +([\d.]+) +(\d+)% +([\d.]+ k?B) +([\d.]+)%$",
                          said, re.M)
        self.assertEqual([r[:3] for r in rows], [("1", "1", "1"), ("2", "2", "1")], said)
        self.assertEqual(rows[0][4:6], ("100", "0 B"))
        one, two = (float(r[3]) for r in rows)
        self.assertLess(abs(float(rows[1][4]) - 100 * one / (2 * two)), 1.5, said)
        self.assertIn("kB", rows[1][5])
        self.assertTrue(all(0 <= float(r[6]) < 100 for r in rows), said)


lt.main()

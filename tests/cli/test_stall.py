# processors: 2
# timeout: 300
"""A rank that stops: the others name it, end the run in time or go on when it is back."""
import os
import re
import signal
import subprocess
import time

import lockstep_test
from lockstep_test import LOCKSTEP, MPIEXEC, children, lives
from small_runs import TestCase


def rank_of(pid):
    with open(f"/proc/{pid}/environ", "rb") as f:
        return int(re.search(rb"OMPI_COMM_WORLD_RANK=(\d+)", f.read()).group(1))


class Stall(TestCase):
    EPOCHS = 60

    def wait_for(self, what, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"{what}\n{self.text('err')}")
            time.sleep(0.01)

    def start(self, config, timeout):
        """Trains on three ranks; when the first epoch is done, {rank: pid}."""
        def begun():
            if self.job.poll() is not None:
                self.fail(self.text("err"))
            path = self.path("run", "metrics.jsonl")
            return os.path.exists(path) and os.path.getsize(path) > 0

        with open(self.path("err"), "w", encoding="utf-8") as err:
            self.job = subprocess.Popen(
                [MPIEXEC, "-n", "3", LOCKSTEP, "train", config, "--run-dir", self.path("run"),
                 "--stall-timeout", timeout],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)
        self.addCleanup(self.job.wait)
        self.addCleanup(self.job.kill)
        self.wait_for("no epoch", begun)
        pids = {rank_of(pid): pid for pid in children(self.job.pid)}
        self.assertEqual(sorted(pids), [0, 1, 2])
        for pid in pids.values():
            self.addCleanup(lambda pid=pid: lives(pid) and os.kill(pid, signal.SIGKILL))
        return pids

    def straight(self, config):
        self.train(config, run_dir="straight")
        return self.ok("inspect", self.path("straight"), "--hash").out

    def check_finished(self, want):
        self.assertEqual(self.ok("inspect", self.path("run"), "--hash").out, want)
        self.assertEqual(self.weights("last.h5"), self.weights("last.h5", "straight"))

    def named(self, victim, pid):
        return (rf"rank {victim} \([^ ]+, pid {pid}\) has kept 2 ranks waiting for [\d.]+ s "
                r"in the .+ \((epoch|end of epoch|checkpoint after step) \d+.*\)\n")

    def check_end(self, victim):
        config = self.small(train={"epochs": self.EPOCHS})
        want = self.straight(config)
        pids = self.start(config, "4")
        os.kill(pids[victim], signal.SIGSTOP)
        begin = time.monotonic()
        code = self.job.wait(timeout=60)
        self.assertLess(time.monotonic() - begin, 20)
        err = self.text("err")
        self.assertEqual(code, 1, err)
        self.assertEqual(err.count("lockstep: error:"), 1, err)
        self.assertEqual(err.count("lockstep: warning: rank"), 1, err)
        for kind in ("error", "warning"):
            self.assertRegex(err, f"lockstep: {kind}: " + self.named(victim, pids[victim]))
        self.assertIn("--stall-timeout", err)
        if victim != 0:
            self.assertRegex(self.text("run", "log.txt"), "error: " + self.named(victim, pids[victim]))
        self.wait_for("processes are left", lambda: not any(map(lives, pids.values())), 5)
        self.train(config, "--resume", ranks=2)
        self.check_finished(want)

    def test_rank_0_never_comes(self):
        self.check_end(0)

    def test_another_rank_never_comes(self):
        self.check_end(2)

    def test_a_rank_comes_back(self):
        config = self.small(train={"epochs": self.EPOCHS})
        want = self.straight(config)
        pids = self.start(config, "20s")
        for victim in (1, 0):
            os.kill(pids[victim], signal.SIGSTOP)
            self.wait_for("no warning", lambda v=victim: re.search(
                "warning: " + self.named(v, pids[v]), self.text("err")))
            os.kill(pids[victim], signal.SIGCONT)
        self.assertEqual(self.job.wait(timeout=60), 0, self.text("err"))
        err = self.text("err")
        self.assertEqual(err.count("lockstep: warning: rank"), 2, err)
        self.assertEqual(len(re.findall("the ranks go on after a wait of 1", err)), 2, err)
        self.assertNotIn("error", err)
        self.check_finished(want)

    def test_all_ranks_are_stopped(self):
        """As Slurm does when it suspends a job: nobody has kept anybody waiting."""
        config = self.small(train={"epochs": self.EPOCHS})
        want = self.straight(config)
        pids = self.start(config, "2.5")
        for pid in pids.values():
            os.kill(pid, signal.SIGSTOP)
        time.sleep(4)
        for pid in pids.values():
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(self.job.wait(timeout=60), 0, self.text("err"))
        self.assertNotIn("error", self.text("err"))
        self.check_finished(want)

    def test_not_a_duration(self):
        for command in (("train", "x.yaml"), ("evaluate", "run"),
                        ("predict", "run", "--data", "d.h5", "-o", "p.csv")):
            self.fails(2, *command, "--stall-timeout", "soon", ranks=(0, 2),
                       says=("--stall-timeout: expected a duration, got 'soon'", "HH:MM:SS"))


if __name__ == "__main__":
    lockstep_test.main()

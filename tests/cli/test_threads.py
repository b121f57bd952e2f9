"""How many threads a rank runs, and the warning where they do not fit the machine."""
# processors: 2
import os
import unittest

import lockstep_test as lt
import small_runs


def cores(processors):
    """Cores, not hyperthreads, of these processors."""
    found = set()
    for p in processors:
        try:
            with open(f"/sys/devices/system/cpu/cpu{p}/topology/thread_siblings_list",
                      encoding="ascii") as f:
                found.add(int(f.read().replace("-", ",").split(",")[0]))
        except OSError:
            found.add(p)
    return len(found)


class Threads(small_runs.TestCase):
    def setUp(self):
        super().setUp()
        self.config = self.small()
        self.mask = os.sched_getaffinity(0)
        self.addCleanup(os.sched_setaffinity, 0, self.mask)
        kept = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(kept)))
        for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "SLURM_CPUS_ON_NODE"):
            os.environ.pop(name, None)

    def plan(self, ranks=0, processors=None, **env):
        """Threads a rank of a dry run, and its warning."""
        os.sched_setaffinity(0, processors or self.mask)
        r = self.ok("train", self.config, "--run-dir", self.path("run"), "--dry-run", ranks=ranks,
                    env=env)
        line = [x for x in r.out.splitlines() if x.startswith("ranks ")]
        said = [x for x in r.err.splitlines() if x.startswith("lockstep: warning:")]
        self.assertEqual(len(line), 1, repr(r))
        self.assertLessEqual(len(said), 1, repr(r))
        return int(line[0].split(",")[1].split()[0]), said[0] if said else ""

    def need_cores(self, n):
        if cores(self.mask) < n:
            raise unittest.SkipTest(f"{cores(self.mask)} core(s)")

    def one(self):
        return {min(self.mask)}

    def test_the_mask_counts(self):
        self.need_cores(2)
        self.assertEqual(self.plan(processors=self.one())[0], 1)
        threads, said = self.plan()
        self.assertGreaterEqual(threads, 1)
        self.assertLessEqual(threads, cores(self.mask))
        self.assertEqual(said, "")

    def test_ranks_divide_a_mask(self):
        self.need_cores(2)
        whole, _ = self.plan(ranks=1)
        half, said = self.plan(ranks=2)
        self.assertEqual(half, max(whole // 2, 1))
        self.assertEqual(said, "")

    def test_bound_ranks_leave_cores_idle(self):
        self.need_cores(2)
        threads, said = self.plan(processors=self.one())
        self.assertEqual(threads, 1)
        n = cores(self.mask)
        self.assertIn(f"{n - 1} of {n} cores are left idle by 1 rank with 1 thread", said)
        self.assertIn(f"srun --cpus-per-task={n}", said)

    def test_too_few_threads(self):
        self.need_cores(2)
        threads, said = self.plan(OMP_NUM_THREADS="1")
        self.assertEqual(threads, 1)
        self.assertIn("left idle by 1 rank with 1 thread; set OMP_NUM_THREADS=", said)

    def test_too_many_threads(self):
        n = len(self.mask)
        threads, said = self.plan(OMP_NUM_THREADS=str(4 * n))
        self.assertLessEqual(threads, n)
        self.assertIn(f"1 rank with {4 * n} threads ({threads} used) on {n} processor", said)
        self.assertIn("set OMP_NUM_THREADS=", said)
        threads, said = self.plan(OMP_NUM_THREADS=str(4 * n), OMP_WAIT_POLICY="passive")
        self.assertEqual(threads, 4 * n)
        self.assertIn(f"1 rank with {4 * n} threads on {n} processor", said)

    def test_threads_of_all_ranks_count(self):
        n = len(self.mask)
        threads, said = self.plan(ranks=2, OMP_NUM_THREADS=str(n))
        self.assertEqual(threads, max(cores(self.mask) // 2, 1))
        self.assertIn(f"2 ranks with {2 * n} thread", said)

    def test_more_ranks_than_processors(self):
        threads, said = self.plan(ranks=3, processors=self.one())
        self.assertEqual(threads, 1)
        self.assertIn("3 ranks with 3 threads on 1 processor", said)

    def test_slurm_counts_where_nothing_is_bound(self):
        self.need_cores(2)
        self.assertEqual(self.plan(SLURM_CPUS_ON_NODE="1"), (1, ""))
        threads, said = self.plan(SLURM_CPUS_ON_NODE="1", OMP_NUM_THREADS="2")
        self.assertEqual(threads, 1)
        self.assertIn("on 1 processor;", said)
        free = self.plan()
        for nonsense in ("", "x", "-1", "0", "99999999999999999999"):
            self.assertEqual(self.plan(SLURM_CPUS_ON_NODE=nonsense), free)

    def test_the_warning_is_in_the_log(self):
        self.train(self.config, "--set", "train.epochs=1", ranks=3, env={"OMP_NUM_THREADS": "64"})
        self.assertIn("warning: ", self.text("run", "log.txt"))
        self.assertIn("3 ranks with 192 threads", self.text("run", "log.txt"))

    def test_srun_without_mpi(self):
        r = self.ok("train", self.config, "--run-dir", self.path("run"), "--dry-run",
                    env={"SLURM_STEP_NUM_TASKS": "4"})
        self.assertIn("srun started 4 processes, but MPI knows of one", r.err)
        r = self.ok("train", self.config, "--run-dir", self.path("run"), "--dry-run", ranks=2,
                    env={"SLURM_STEP_NUM_TASKS": "2"})
        self.assertNotIn("srun started", r.err)


lt.main()

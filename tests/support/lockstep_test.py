"""Support for the whole-program tests: run lockstep, check exit code and messages.

A test is a unittest file that ends in `lockstep_test.main()`. It makes its files below
self.dir, a temporary directory, and never touches the source tree.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

LOCKSTEP = os.environ.get("LOCKSTEP", "lockstep")
MPIEXEC = os.environ.get("LOCKSTEP_MPIEXEC", "mpiexec")
SOURCE = os.environ.get(
    "LOCKSTEP_SOURCE", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SHARED_DATA = os.path.join(os.path.dirname(SOURCE), "shared", "data")
SKIPPED = 77


class Result:
    """What a finished program left: code, out (stdout), err (stderr), seconds."""

    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    def __repr__(self):
        return f"exit code {self.code}\nstdout:\n{self.out}\nstderr:\n{self.err}"


def children(pid):
    """Processes whose parent is pid."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8") as f:
                if int(f.read().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(name))
        except OSError:
            pass  # it has ended meanwhile
    return found


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def run(*args, ranks=0, threads=None, cwd=None, timeout=100, env=None, mpi_args=(),
        program=LOCKSTEP):
    """Runs `lockstep ARGS`, under mpiexec where ranks > 0. A TimeoutExpired tells in ranks_live
    whether it was mpiexec alone that did not end."""
    command = [program, *map(str, args)]
    if ranks:
        command = [MPIEXEC, *mpi_args, "-n", str(ranks), *command]
    environment = dict(os.environ)
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)
    environment.update(env or {})
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lockstep-mpi-") as sessions:
        # Of two mpiexec side by side one may remove the folder that the other has just found.
        environment["OMPI_MCA_orte_tmpdir_base"] = sessions
        with subprocess.Popen(command, cwd=cwd, env=environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, errors="backslashreplace") as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired as e:
                e.ranks_live = any(map(lives, children(process.pid)))
                process.kill()
                raise
    return Result(process.returncode, out, err, time.monotonic() - begin)


class TestCase(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="lockstep-test-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text):
        with open(self.path(name), "w" if isinstance(text, str) else "wb") as f:
            f.write(text)
        return self.path(name)

    def ok(self, *args, **options):
        """Runs lockstep, which must succeed."""
        r = run(*args, **options)
        self.assertEqual(r.code, 0, repr(r))
        return r

    def fails(self, code, *args, says=(), ranks=(0,), alone=False, **options):
        """Runs lockstep at each rank count, side by side unless each must be alone (as in a run
        directory, which is for one run at a time): it must end by itself with the exit code and one
        error line, and its stderr must hold every text of says."""
        if "--run-dir" in args:
            alone = alone or os.path.isdir(args[args.index("--run-dir") + 1])
        with ThreadPoolExecutor(1 if alone else len(ranks)) as pool:
            results = pool.map(lambda n: run(*args, ranks=n, timeout=60, **options), ranks)
        for n, r in zip(ranks, results):
            with self.subTest(ranks=n):
                self.assertEqual(r.code, code, repr(r))
                self.assertEqual(r.err.count("lockstep: error:"), 1, repr(r))
                for text in [says] if isinstance(says, str) else says:
                    self.assertTrue(text in r.err, f"it does not say: {text}\n{r!r}")


def need_shared(*names):
    """Paths below ../shared/data; the test is skipped with a notice where one is absent."""
    paths = [os.path.join(SHARED_DATA, n) for n in names]
    for p in paths:
        if not os.path.exists(p):
            raise unittest.SkipTest(f"{p} is not there")
    return paths


def need_module(name):
    """A Python module; the test is skipped with a notice where it is absent."""
    try:
        return __import__(name)
    except ImportError:
        raise unittest.SkipTest(f"Python has no module {name}")


def has_libxsmm():
    """Whether this build and this processor have it."""
    return "by libxsmm" in run("--version").out


def has_bf16():
    """The same of oneDNN, by which precision: bf16 computes."""
    return "by oneDNN" in run("--version").out


def main():
    """Runs the file's tests; exits with 77 when all of them were skipped."""
    program = unittest.main(exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if result.skipped and len(result.skipped) >= result.testsRun else 0)

# processors: 2
# timeout: 1800
# slow
"""Every command under valgrind: no byte is read before it is written or behind its memory, and
nothing is lost.

The sanitizers see what was compiled with them; valgrind sees the product as it is, and the
libraries below it. tests/support/valgrind.supp lists what is theirs.

usage: memcheck.py [PROGRAM...]   (unit tests, for example build/release/tests/test_*; default:
                                   lockstep's commands, and its training on 1 and 2 ranks)
"""
import os
import shutil
import subprocess
import sys
import tempfile

import fault_runs
import lockstep_test
from fault_runs import demand
from lockstep_test import LOCKSTEP, MPIEXEC, SOURCE

LOST = 99  # valgrind's exit code for what it finds
OPEN_MPI = "/usr/share/openmpi/openmpi-valgrind.supp"


def valgrind():
    command = ["valgrind", "-q", f"--error-exitcode={LOST}", "--leak-check=full",
               "--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite",
               "--keep-debuginfo=yes", "--num-callers=40",
               f"--suppressions={SOURCE}/tests/support/valgrind.supp"]
    if os.path.exists(OPEN_MPI):
        command.append(f"--suppressions={OPEN_MPI}")
    return command


def check(name, command, ranks=0):
    launcher = [MPIEXEC, "-n", str(ranks)] if ranks else []
    # valgrind 3.19 knows no AVX-512, and runs one thread at a time.
    env = {**os.environ, "OPENBLAS_CORETYPE": "Haswell", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*launcher, *valgrind(), *command], env=env, text=True, timeout=600,
                          stdin=subprocess.DEVNULL, capture_output=True, errors="replace")
    r = lockstep_test.Result(done.returncode, done.stdout, done.stderr, 0)
    demand(r.code == 0 and "==" not in r.err, name, r)
    print(f"{name}: nothing lost", flush=True)


def commands(root):
    config = fault_runs.write_run(root)
    with open(f"{root}/t.csv", "w", encoding="utf-8") as f:
        f.write("id,a,b,label\n")
        f.writelines(f"s{i},{i % 7},{i % 5},{'xyz'[i % 3]}\n" for i in range(100))
    data, run, last = f"{root}/d.h5", f"{root}/run", f"{root}/run/checkpoints/last.h5"
    train = ["train", config, "--run-dir", run]
    return [
        ("import csv", ["import", "csv", f"{root}/t.csv", "--label", "label", "--id", "id", "-o",
                        f"{root}/i.h5"], 0),
        ("synth", ["synth", "gtex", "--samples", "60", "--features", "50", "--donors", "20",
                   "--classes", "5", "-o", f"{root}/s.h5"], 0),
        ("train", train, 0),
        ("train --resume, 2 ranks", [*train, "--resume", "--set", "train.epochs=3"], 2),
        ("train with strategy features, 2 ranks",
         ["train", config, "--run-dir", f"{root}/features", "--set", "parallel.strategy=features"], 2),
        ("predict with strategy features, 2 ranks",
         ["predict", f"{root}/features", "--data", data, "-o", f"{root}/f.csv"], 2),
        ("inspect of a dataset", ["inspect", data, "--json"], 0),
        ("inspect of a checkpoint", ["inspect", last, "--hash"], 0),
        ("evaluate, 2 ranks", ["evaluate", last, "--data", data, "--json"], 2),
        ("predict csv", ["predict", last, "--data", data, "-o", f"{root}/p.csv"], 0),
        ("predict h5", ["predict", last, "--data", data, "-o", f"{root}/p.h5"], 0),
        ("train --help-config", ["train", "--help-config"], 0),
    ]


def main():
    if shutil.which("valgrind") is None:
        print("skipped: there is no valgrind (apt-get install valgrind)")
        sys.exit(lockstep_test.SKIPPED)
    root = tempfile.mkdtemp(prefix="lockstep-memcheck-")
    try:
        if len(sys.argv) > 1:
            for program in sys.argv[1:]:
                check(os.path.basename(program), [program])
        else:
            for name, args, ranks in commands(root):
                check(name, [LOCKSTEP, *args], ranks)
    except fault_runs.Wrong as e:
        sys.exit(f"WRONG: {e}")
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()

# processors: 2
# timeout: 1800
# slow
"""kill -9 of one rank at a random moment, again and again in one run directory: the run goes on
every time, no checkpoint is ever damaged, and in the end the weights are those of an undisturbed
run. The same for predict and import: their output is whole or absent.

usage: kill.py [--kills N] [--ranks N] [--seed N]
  --kills N  of training (LOCKSTEP_KILLS, or 12), and a quarter of that of each other command
"""
import argparse
import collections
import filecmp
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import fault_runs
import lockstep_test
from fault_runs import demand
from lockstep_test import LOCKSTEP, MPIEXEC

SECONDS_MAX = 20
HEADER = "epoch  train_loss"  # of the table of epochs: training has begun


def ranks_of(pid):
    """The processes that mpiexec has started and that are lockstep by now."""
    found = []
    try:
        for child in contents(f"/proc/{pid}/task/{pid}/children").split():
            if contents(f"/proc/{child}/comm").startswith("lockstep"):
                found.append(int(child))
    except OSError:
        pass  # it has ended
    return found


def contents(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def kill_one(args, ranks, wait_s, rng, after=""):
    """Starts lockstep and kills one rank so long after its start, or after stderr holds a text.
    (stderr, whether it was killed)"""
    command = [LOCKSTEP, *args]
    if ranks > 1:
        command = [MPIEXEC, "-n", str(ranks), *command]
    with tempfile.NamedTemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=err)
        try:
            while process.poll() is None and after not in contents(err.name):
                time.sleep(0.01)
            begin = time.monotonic()
            while time.monotonic() < begin + wait_s and process.poll() is None:
                time.sleep(0.01)
            pids = ranks_of(process.pid) if ranks > 1 else [process.pid]
            begin = time.monotonic()
            while ranks > 1 and len(pids) < ranks and process.poll() is None:
                demand(time.monotonic() < begin + SECONDS_MAX, f"{len(pids)} of {ranks} ranks run")
                time.sleep(0.01)
                pids = ranks_of(process.pid)
            killed = bool(pids) and process.poll() is None
            if killed:
                os.kill(rng.choice(pids), signal.SIGKILL)
            try:
                process.wait(timeout=SECONDS_MAX)
            except subprocess.TimeoutExpired:
                if "PMIX ERROR" in contents(err.name):  # mpiexec 4.1, while its ranks start
                    for pid in ranks_of(process.pid):
                        os.kill(pid, signal.SIGKILL)
                    return "", killed
                demand(False, f"{' '.join(command)} goes on for {SECONDS_MAX} s after the kill, "
                       f"ranks {ranks_of(process.pid)}: {contents(err.name)}")
        finally:
            process.kill()
            process.wait()
        return contents(err.name), killed


def train(root, kills, ranks, rng):
    config = fault_runs.write_run(root, epochs=1000000, rows=180)
    args = ["train", config, "--run-dir", f"{root}/run", "--resume"]
    found = collections.Counter()
    for i in range(kills):
        background = "false" if i % 2 else "true"
        after = HEADER if rng.random() < 0.85 else ""
        err, killed = kill_one([*args, "--set", f"checkpoint.background={background}"], ranks,
                               rng.uniform(0, 1), rng, after)
        demand(killed, f"kill {i + 1}: it had ended by itself: {err}")
        demand("lockstep: error:" not in err, f"kill {i + 1}: an error: {err}")
        demand("passed over" not in err, f"kill {i + 1}: a damaged checkpoint: {err}")
        resumed = re.search(r"resumed from \S*/(\S+)\.h5 after epoch (\d+), step (\d+)", err)
        begun = HEADER in err
        found["killed before its first step" if not begun else "started anew" if not resumed else
              f"resumed from {resumed.group(1)}"] += 1
        if os.path.isdir(f"{root}/run/checkpoints"):
            fault_runs.check_checkpoints(f"{root}/run", 0)
    epochs = last_epoch(root) + 2
    for name, flag in (("run", "--resume"), ("straight", "--overwrite")):
        r = lockstep_test.run("train", config, "--run-dir", f"{root}/{name}", flag, "--set",
                              f"train.epochs={epochs}", "--set", "checkpoint.every_steps=1000000",
                              "--set", "checkpoint.every_epochs=1000000", timeout=500)
        demand(r.code == 0, name, r)
    want = fault_runs.hash_of(f"{root}/straight/checkpoints/last.h5")
    fault_runs.check_finished(f"{root}/run", want, epochs)
    print(f"train: {kills} kills survived in {epochs} epochs on {ranks} ranks; "
          + ", ".join(f"{found[k]} x {k}" for k in sorted(found)) + f"; hash {want} as undisturbed")


def last_epoch(root):
    path = f"{root}/run/checkpoints/last.h5"
    if not os.path.exists(path):
        return 0
    r = lockstep_test.run("inspect", path, "--json")
    demand(r.code == 0, "inspect", r)
    return json.loads(r.out)["epoch"]


def output(root, kills, ranks, rng, args, out):
    """A command that writes a file: under its name it is whole or absent."""
    name, absent = args[0], 0
    path = f"{root}/{out}"
    args = [*args, "-o", path]
    r = lockstep_test.run(*args, ranks=ranks)
    demand(r.code == 0, "undisturbed", r)
    os.rename(path, f"{root}/good")
    for _ in range(kills):
        kill_one(args, ranks, rng.uniform(0, r.seconds), rng)
        absent += not os.path.exists(path)
        if os.path.exists(path):
            demand(filecmp.cmp(path, f"{root}/good", shallow=False), f"{out} is not whole")
            os.remove(path)
    r = lockstep_test.run(*args)
    demand(r.code == 0 and filecmp.cmp(path, f"{root}/good", shallow=False), "afterwards", r)
    print(f"{name} {out}: {kills} kills; the output was absent {absent} times, else whole")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int,
                        default=int(os.environ.get("LOCKSTEP_KILLS", "12")))
    parser.add_argument("--ranks", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    root = tempfile.mkdtemp(prefix="lockstep-kill-")
    try:
        train(root, options.kills, options.ranks, rng)
        few = (options.kills + 3) // 4
        with open(f"{root}/t.csv", "w", encoding="utf-8") as f:
            f.write("id,a,b,c,d,e,f,label\n")
            f.writelines(f"s{i},{i % 7},{i % 5},{i % 3},{i % 11},{i % 13},{i},{'xyz'[i % 3]}\n"
                         for i in range(100000))
        table = ["import", "csv", f"{root}/t.csv", "--label", "label", "--id", "id"]
        output(root, few, 1, rng, table, "i.h5")
        fault_runs.write_run(root, rows=60000)
        model = ["predict", f"{root}/straight", "--data", f"{root}/d.h5"]
        for out in ("p.csv", "p.h5"):
            output(root, few, options.ranks, rng, model, out)
    except fault_runs.Wrong as e:
        sys.exit(f"WRONG: {e}")
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()

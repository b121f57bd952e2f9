"""A run of GTEx's full size, from nothing to its test accuracy: the time and memory of every stage.

    tests/bench/gtex_full.py [--samples 17382] [--features 56200] [--ranks 1 2] [--dir DIR]
                             [--set checkpoint.background=false]

Makes a synthetic GTEx matrix, trains for an epoch on each number of ranks, and evaluates the test
rows. Threads are shared out evenly. A rank's peak is the resident memory of the largest one; beside
it stands what it has to hold: its part of the training and validation rows, and of weights and the
moments of Adam (12 bytes a parameter). --set goes to lockstep train; a checkpoint that is not
written in the background needs no copy of these 12 bytes. Ends with 1 where the ranks do not come
to the same weights. Needs 5 GB of disk in DIR, and memory.
Environment: LOCKSTEP names the program.
"""
import argparse
import json
import os
import shutil
import sys
import tempfile
import time

LOCKSTEP = os.path.abspath(os.environ.get("LOCKSTEP", "build/release/lockstep"))

CONFIG = """
name: gtex-full
data:
  file: full.h5
  split: {train: 0.8, val: 0.1, test: 0.1, group: groups}
  transform: [log1p, standardize]
model: [dense: {units: 1024}, relu, dropout: 0.3, dense: {units: 54}]
loss: softmax_cross_entropy
optimizer: {adam: {lr: 1.0e-4}}
batch: {size: 256}
train: {epochs: 1}
"""


def run(folder, *args, ranks=1):
    """(stdout, seconds, peak in bytes) of a command; it ends the program where it fails."""
    command = [LOCKSTEP, *map(str, args)]
    if ranks > 1:
        command = ["mpiexec", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), *command]
    threads = max(1, len(os.sched_getaffinity(0)) // ranks)
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMPI_ALLOW_RUN_AS_ROOT": "1",
           "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    begin = time.monotonic()
    with open(f"{folder}/out", "w+", encoding="utf-8") as out, open(f"{folder}/err", "w+",
                                                                   encoding="utf-8") as err:
        process = os.posix_spawnp(command[0], command, env, file_actions=[
            (os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, err.fileno(), 2)])
        _, status, usage = os.wait4(process, 0)
        seconds = time.monotonic() - begin
        out.seek(0)
        err.seek(0)
        if status != 0:
            sys.exit(f"{' '.join(command)}: {err.read()[-2000:]}")
        return out.read(), seconds, usage.ru_maxrss * 1024


def line(stage, seconds, peak=None, more=""):
    memory = f"{peak / 1e9:8.2f} GB" if peak else " " * 11
    print(f"{stage:34} {seconds:8.1f} s {memory}  {more}", flush=True)


def least_bytes(args, ranks):
    """What a rank holds of 9 in 10 rows, and of weights and moments."""
    rows = 0.9 * args.samples * args.features * 4
    parameters = (args.features + 1) * 1024 + 1025 * 54
    return (rows + 12 * parameters) / ranks


def train(args, folder, ranks):
    """Prints the stages of an epoch; gives the hash of the weights."""
    run_dir = f"{folder}/run-{ranks}"
    settings = [word for setting in args.set for word in ("--set", setting)]
    _, seconds, peak = run(folder, "train", f"{folder}/f.yaml", "--run-dir", run_dir, *settings,
                           ranks=ranks)
    least = least_bytes(args, ranks)
    with open(f"{run_dir}/metrics.jsonl", encoding="utf-8") as f:
        epoch = json.loads(f.readline())
    what = f"{ranks} rank{'s' if ranks > 1 else ''}:"
    line(f"{what} fit and load", seconds - epoch["seconds"], more="with the end of the run")
    line(f"{what} steps of an epoch", epoch["steps_s"],
         more=f"{epoch['step']} steps, {epoch['samples_per_s']:.0f} samples/s, waiting "
              f"{epoch['wait_s']:.1f} s")
    line(f"{what} validation", epoch["seconds"] - epoch["steps_s"],
         more=f"accuracy {epoch['val_accuracy']:.4f}")
    line(f"{what} together", seconds, peak,
         f"peak of a rank: {peak / least:.2f} of the {least / 1e9:.2f} GB of rows, weights, moments")
    text, seconds, peak = run(folder, "evaluate", run_dir, "--json", ranks=ranks)
    line(f"{what} evaluate", seconds, peak, f"test accuracy {json.loads(text)['accuracy']:.4f}")
    return run(folder, "inspect", f"{run_dir}/checkpoints/last.h5", "--hash")[0].strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--samples", type=int, default=17382)
    parser.add_argument("--features", type=int, default=56200)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--dir")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="lockstep-bench-", dir=args.dir)
    try:
        with open(f"{folder}/f.yaml", "w", encoding="utf-8") as f:
            f.write(CONFIG)
        print(f"{args.samples} x {args.features}")
        _, seconds, peak = run(folder, "synth", "gtex", "--samples", args.samples, "--features",
                               args.features, "--classes", 54, "--donors", 948, "--seed", 1, "-o",
                               f"{folder}/full.h5")
        line("synth", seconds, peak)
        hashes = {train(args, folder, ranks) for ranks in args.ranks}
    finally:
        shutil.rmtree(folder)
    if len(hashes) > 1:
        sys.exit(f"the weights differ: {hashes}")
    print(f"weights {hashes.pop()} on all numbers of ranks")


main()

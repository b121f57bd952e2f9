"""The rounds and the table of compare_pytorch.sh, which finds the programs and calls this.

    compare_pytorch.py [--python PYTHON]... [--shapes NAME...] [--repeat 5] [--quick] [--threads N]

A round runs every contender once, one after the other, each as a process of its own, so that
whatever slows the machine down for a while hits all of them. A figure is the median over rounds of
the milliseconds a step; behind it the lowest and the highest. The last columns are that time divided
by lockstep's, and by lockstep's with precision: bf16 where it is there. lockstep's steps are those
of `lockstep train` on a synthetic dataset (steps_s of metrics.jsonl, without the first epoch),
PyTorch's those of pytorch_steps.py, in fewer epochs where these take long.
Environment: LOCKSTEP names the program.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))

import lockstep_test  # noqa: E402

# layers, rows of a step, optimiser, steps an epoch. The rows of an epoch are a multiple of 256, so
# that lockstep's 8 lanes get as many blocks of 32 rows each, and every step is full.
SHAPES = {
    "gtex": ([56200, 1024, 54], 256, "adam", 4),
    "protein-coding": ([19000, 512, 256, 53], 128, "adam", 16),
    "candle-p1b2": ([28205, 1024, 512, 256, 10], 64, "sgd", 16),
    "digits": ([784, 100, 50, 10], 128, "adam", 64),
    "square": ([2048, 2048, 2048, 2048, 100], 512, "adam", 4),
}
OPTIMIZERS = {"adam": {"adam": {"lr": 1e-4}}, "sgd": {"sgd": {"lr": 1e-3, "momentum": 0.9}}}
EPOCHS, QUICK_EPOCHS, TIMEOUT_S = 5, 2, 1800
WIDE = 8192  # inputs from which on strategy features is what auto means
PYTORCH_S = 10  # of one training of PyTorch: some of them take seconds a step


def lockstep(*args, **options):
    done = lockstep_test.run(*args, timeout=TIMEOUT_S, program=os.environ["LOCKSTEP"], **options)
    if done.code != 0:
        sys.exit(f"lockstep {' '.join(map(str, args))}: {done!r}")
    return done.out


def config(shape, data, epochs):
    layers, batch, optimizer, _ = SHAPES[shape]
    model = []
    for units in layers[1:]:
        model += [{"dense": {"units": units}}, "relu"]
    return {"name": shape,
            "data": {"file": data, "split": {"train": 1.0}, "transform": ["log1p", "standardize"]},
            "model": model[:-1], "loss": "softmax_cross_entropy",
            "optimizer": OPTIMIZERS[optimizer], "batch": {"size": batch},
            "train": {"epochs": epochs},
            # Those that must be are written between epochs, while no step is timed.
            "checkpoint": {"background": False, "every_epochs": 1000000, "keep": 1}}


def prepare(shape, folder, epochs):
    """Writes a dataset and the config that trains on it; gives the config's path."""
    layers, batch, _, steps = SHAPES[shape]
    data, path = f"{folder}/{shape}.h5", f"{folder}/{shape}.yaml"
    lockstep("synth", "gtex", "--samples", batch * steps, "--features", layers[0], "--classes",
             layers[-1], "--donors", 100, "-o", data)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(config(shape, data, epochs), f)  # JSON is YAML
    return path


def time_setting(setting, shape, path, folder, processes, threads):
    """Milliseconds a step: the median over epochs, the first one left out."""
    run = f"{folder}/run"
    lockstep("train", path, "--run-dir", run, "--set", setting,
             ranks=processes if processes > 1 else 0, threads=threads)
    with open(f"{run}/metrics.jsonl", encoding="utf-8") as f:
        epochs = [json.loads(line) for line in f]
    shutil.rmtree(run)
    if [e["step"] for e in epochs] != [SHAPES[shape][3] * (i + 1) for i in range(len(epochs))]:
        sys.exit(f"{shape}: epochs of other lengths than {SHAPES[shape][3]} steps")
    return statistics.median(1e3 * e["steps_s"] / SHAPES[shape][3] for e in epochs[1:])


def time_lockstep(shape, path, folder, processes, threads):
    """{name: that}: for the precisions that this program has here, and where a wide first layer is
    shared out by its inputs, for two processes also by rows."""
    settings = {"lockstep": "precision=f32"}
    if lockstep_test.has_bf16():
        settings["lockstep bf16"] = "precision=bf16"
    if processes > 1 and SHAPES[shape][0][0] >= WIDE:
        settings["lockstep strategy data"] = "parallel.strategy=data"
    return {name: time_setting(setting, shape, path, folder, processes, threads)
            for name, setting in settings.items()}


def time_pytorch(python, shape, epochs, processes, threads):
    """The same of PyTorch, with its default and its fastest updates, with these in bfloat16, too;
    nothing where it fails."""
    layers, batch, optimizer, steps = SHAPES[shape]
    script = os.path.join(SOURCE, "tests", "bench", "pytorch_steps.py")
    words = [python, script, "--layers", *layers, "--batch", batch, "--optimizer", optimizer,
             "--steps", steps, "--epochs", epochs, "--seconds", PYTORCH_S, "--processes", processes,
             "--threads", threads]
    done = subprocess.run(list(map(str, words)), text=True, capture_output=True, timeout=TIMEOUT_S,
                          env={**os.environ, "OMP_NUM_THREADS": str(threads)}, check=False)
    if done.returncode != 0:
        print(f"{python}: pytorch_steps.py failed:\n{done.stderr[-2000:]}", file=sys.stderr)
        return {}
    found = json.loads(done.stdout.splitlines()[-1])
    name = f"PyTorch {found['version']}"
    return {name: found["default_ms"], f"{name} {found['fastest']}": found["fastest_ms"],
            f"{name} {found['fastest']} bf16": found["bf16_ms"]}


def time_shape(shape, folder, args):
    """{(processes, threads): {name: [milliseconds of each round]}}."""
    epochs = QUICK_EPOCHS if args.quick else EPOCHS
    path = prepare(shape, folder, epochs)
    settings = {(1, args.threads): {}, (2, 1): {}}
    for _ in range(args.repeat):
        for setting, times in settings.items():
            found = time_lockstep(shape, path, folder, *setting)
            for python in args.python:
                found.update(time_pytorch(python, shape, epochs, *setting))
            for name, ms in found.items():
                times.setdefault(name, []).append(ms)
    return settings


def print_shape(shape, settings):
    layers, batch, optimizer, _ = SHAPES[shape]
    print(f"\n{shape}: {'-'.join(map(str, layers))}, batch {batch}, {optimizer}")
    for (processes, threads), times in settings.items():
        what = f"{processes} process{'es' if processes > 1 else ''} x {threads}"
        for name, ms in times.items():
            median = statistics.median(ms)
            ratios = [median / statistics.median(times[own])
                      for own in ("lockstep", "lockstep bf16") if own in times]
            print(f"  {what:16} {name:31} {median:10.3f} {f'{min(ms):.3f} - {max(ms):.3f}':>22} "
                  + " ".join(f"{ratio:11.2f}" for ratio in ratios))
    sys.stdout.flush()


def print_head(args):
    machine = json.loads(lockstep("bench", "memory", "--bytes", 16, "--repeats", 1,
                                  threads=args.threads).splitlines()[0])
    print(f"{machine['time']}, {machine['cpu']}, {args.threads} threads; lockstep "
          f"{machine['version']} ({machine['commit']}, {machine['blas']}, {machine['mpi']})")
    print(f"medians of {args.repeat} rounds; two processes: mpiexec, and "
          "DistributedDataParallel over gloo")
    print(f"  {'':16} {'':31} {'ms a step':>10} {'lowest - highest':>22} {'/ lockstep':>11} "
          f"{'/ bf16':>11}",
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--python", action="append", default=[], help="one that has torch")
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--repeat", type=int, help="rounds (5; 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="one epoch, to see that it works")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    args.repeat = args.repeat or (1 if args.quick else 5)
    print_head(args)
    for shape in args.shapes:
        with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as folder:
            print_shape(shape, time_shape(shape, folder, args))


if __name__ == "__main__":
    main()

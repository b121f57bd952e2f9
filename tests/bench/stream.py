"""How long epochs of streamed rows are beside those of rows in memory, and what memory both take.

    tests/bench/stream.py [--samples 6000] [--features 56200] [--units 1024] [--window 128]
                          [--epochs 3] [--repeat 3] [--ranks 0] [--compress 0] [--dir DIR]

Trains a wide network on a synthetic GTEx, by turns with rows in memory, streamed with the file in the
page cache, and streamed with the file dropped from it all the time, so that every row comes from the
disk. An epoch's time is that of metrics.jsonl (steps, validation, record); the first epoch of a run,
which waits for the first rows, is told apart. The processors' seconds are those of the whole runs,
and for all that others do on the machine. Environment: LOCKSTEP names the program.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

LOCKSTEP = os.environ.get("LOCKSTEP", "build/release/lockstep")

CONFIG = """
name: wide
data: {{file: d.h5, shuffle_window: {window}, transform: [log1p, standardize]}}
model: [dense: {{units: {units}}}, relu, dense: {{units: 54}}]
loss: softmax_cross_entropy
optimizer: {{adam: {{lr: 1.0e-4}}}}
batch: {{size: 256, lanes: 8}}
train: {{epochs: {epochs}}}
checkpoint: {{every_epochs: 1000, background: false, keep: 1}}
"""


def drop(path):
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


class Dropped(threading.Thread):
    """Keeps a file out of the page cache."""

    def __init__(self, path):
        super().__init__()
        self.path, self.ended = path, threading.Event()

    def run(self):
        while not self.ended.wait(0.25):
            drop(self.path)

    def __enter__(self):
        os.sync()
        drop(self.path)
        self.start()

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def read_rate(path):
    """MB/s of plain reading, 4 MiB at a time."""
    piece, begin = bytearray(4 << 20), time.monotonic()
    with open(path, "rb", buffering=0) as f:
        while f.readinto(piece):
            pass
    return os.path.getsize(path) / (time.monotonic() - begin) / 1e6


def train(folder, mode, ranks):
    """(seconds of the first epoch, of each other, seconds of waiting in these, peak MB, hash, seconds
    of processors)."""
    command = [LOCKSTEP, "train", f"{folder}/c.yaml", "--run-dir", f"{folder}/run", "--overwrite",
               "--set", f"data.memory={mode}"]
    if ranks:
        command = ["mpiexec", "--oversubscribe", "-n", str(ranks), *command]
    r = subprocess.run(["/usr/bin/time", "-f", "used %M %U %S", *command], stderr=subprocess.PIPE,
                       text=True, check=False)
    if r.returncode != 0:
        sys.exit(r.stderr)
    with open(f"{folder}/run/metrics.jsonl", encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    hashed = subprocess.run([LOCKSTEP, "inspect", f"{folder}/run", "--hash"], check=True,
                            capture_output=True, text=True).stdout.strip()
    peak, user, system = map(float, r.stderr.rsplit("used ", 1)[1].split())
    return (lines[0]["seconds"], [line["seconds"] for line in lines[1:]],
            [line.get("read_wait_s", 0) for line in lines[1:]], peak / 1024, hashed, user + system)


def tell(name, runs, resident=None):
    epochs = [s for r in runs for s in r[1]]
    middle, least = statistics.median(epochs), min(epochs)
    print(f"{name:22} first {min(r[0] for r in runs):6.2f} s   others median {middle:6.2f}, "
          f"least {least:6.2f} s   waiting {statistics.median(w for r in runs for w in r[2]):5.2f} s"
          f"   peak {max(r[3] for r in runs):6.0f} MB   processors "
          f"{statistics.median(r[5] for r in runs):6.1f} s", end="")
    if resident:
        print(f"   {middle / resident[0]:.3f} of resident (least: {least / resident[1]:.3f})",
              end="")
    print(flush=True)
    return middle, least


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for key, value in (("samples", 6000), ("features", 56200), ("units", 1024), ("window", 128),
                       ("epochs", 3), ("repeat", 3), ("ranks", 0), ("compress", 0)):
        parser.add_argument(f"--{key}", type=int, default=value)
    parser.add_argument("--dir")
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="lockstep-bench-", dir=args.dir)
    try:
        with open(f"{folder}/c.yaml", "w", encoding="utf-8") as f:
            f.write(CONFIG.format(**vars(args)))
        path = f"{folder}/d.h5"
        subprocess.run([LOCKSTEP, "synth", "gtex", "--samples", str(args.samples), "--features",
                        str(args.features), "--compress", str(args.compress), "-o", path],
                       check=True, capture_output=True)
        os.sync()
        drop(path)
        cold = read_rate(path)
        print(f"{args.samples} x {args.features}, {os.path.getsize(path) / 1e6:.0f} MB, read at "
              f"{cold:.0f} MB/s from the disk, {read_rate(path):.0f} MB/s from the page cache")
        resident, cached, disk = [], [], []
        for _ in range(args.repeat):
            read_rate(path)
            resident.append(train(folder, "resident", args.ranks))
            cached.append(train(folder, "stream", args.ranks))
            with Dropped(path):
                disk.append(train(folder, "stream", args.ranks))
        base = tell("resident", resident)
        tell("stream, page cache", cached, base)
        tell("stream, disk", disk, base)
        hashes = {r[4] for runs in (resident, cached, disk) for r in runs}
        print(f"hashes: {' '.join(hashes)}")
        return 0 if len(hashes) == 1 else 1
    finally:
        shutil.rmtree(folder)


sys.exit(main())

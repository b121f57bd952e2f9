"""How fast checkpoints reach the disk, beside plain writes of as many bytes to the same disk.

    tests/bench/checkpoint.py [--features 56200] [--units 1024] [--repeat 5] [--dir DIR]

Trains a wide network for an epoch, whose checkpoint is written while training waits, and times how
long its temporary file lives: from its creation to its name. As many bytes are written by plain
4 MiB writes and an fsync, through the page cache and past it (O_DIRECT). Environment: LOCKSTEP
names the program.
"""
import argparse
import glob
import mmap
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

LOCKSTEP = os.environ.get("LOCKSTEP", "build/release/lockstep")

CONFIG = """
name: wide
data: {{file: d.h5, split: {{train: 1.0}}}}
model: [dense: {{units: {units}}}, relu, dense: {{units: 54}}]
loss: softmax_cross_entropy
optimizer: {{adam: {{lr: 1.0e-5}}}}
train: {{epochs: 1}}
checkpoint: {{background: false, keep: 1}}
"""


def lives(folder, process):
    """Seconds that each temporary file in the folder lived."""
    begin, found = {}, []
    while True:
        ended = process.poll() is not None
        now, there = time.monotonic(), set(glob.glob(f"{folder}/.*.h5.tmp-*"))
        for name in there - begin.keys():
            begin[name] = now
        for name in begin.keys() - there:
            found.append(now - begin.pop(name))
        if ended:
            return found
        time.sleep(0.001)


def plain(path, size, flags=0):
    piece = mmap.mmap(-1, 4 << 20)  # at the begin of a page, as O_DIRECT wants it
    piece.write(b"\1" * len(piece))
    begin = time.monotonic()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | flags)
    for _ in range(-(-size // len(piece))):
        os.write(fd, piece)
    os.fsync(fd)
    os.close(fd)
    return time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--features", type=int, default=56200)
    parser.add_argument("--units", type=int, default=1024)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--dir")
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="lockstep-bench-", dir=args.dir)
    ours = []
    try:
        with open(f"{folder}/c.yaml", "w", encoding="utf-8") as f:
            f.write(CONFIG.format(units=args.units))
        subprocess.run([LOCKSTEP, "synth", "gtex", "--samples", "512", "--features",
                        str(args.features), "--classes", "54", "--donors", "100", "--seed", "1",
                        "-o", f"{folder}/d.h5"], check=True, capture_output=True)
        # Nothing is removed before the end, so that every write takes new pages of the cache: on a
        # virtual machine they are several times slower than pages that were just let go.
        size = (args.features * args.units + args.units * 55) * 12
        cached = [plain(f"{folder}/cached{i}", size) for i in range(args.repeat)]
        direct = [plain(f"{folder}/direct{i}", size, os.O_DIRECT) for i in range(args.repeat)]
        for i in range(args.repeat):
            run = subprocess.Popen([LOCKSTEP, "train", f"{folder}/c.yaml", "--run-dir",
                                    f"{folder}/run{i}"], stderr=subprocess.DEVNULL)
            ours += lives(f"{folder}/run{i}/checkpoints", run)
            if run.returncode != 0:
                sys.exit(f"lockstep train ended with {run.returncode}")
    finally:
        shutil.rmtree(folder)
    mine = statistics.median(ours)
    print(f"checkpoint of {size / 1e6:.0f} MB: {size / mine / 1e6:.0f} MB/s ({mine:.2f} s)")
    for what, times in (("through the page cache", cached), ("past the page cache", direct)):
        t = statistics.median(times)
        print(f"plain writes {what}: {size / t / 1e6:.0f} MB/s ({t:.2f} s), ratio {t / mine:.2f}")
    print(f"medians of {len(ours)}")


main()

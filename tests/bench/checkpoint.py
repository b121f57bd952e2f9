"""How fast checkpoints reach the disk, beside plain writes of as many bytes to the same disk.

    tests/bench/checkpoint.py [--features 56200] [--units 1024] [--repeat 5] [--dir DIR]

Trains a wide network for an epoch, whose checkpoint is written while training waits, and times how
long its temporary file lives: from its creation to its name. As many bytes are written by plain
4 MiB writes and an fsync. Environment: LOCKSTEP names the program.
"""
import argparse
import glob
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


def plain(path, size):
    piece = b"\1" * (4 << 20)
    begin = time.monotonic()
    with open(path, "wb", buffering=0) as f:
        for _ in range(size // len(piece)):
            f.write(piece)
        f.write(piece[:size % len(piece)])
        os.fsync(f.fileno())
    seconds = time.monotonic() - begin
    return seconds


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
        theirs = [plain(f"{folder}/plain{i}", size) for i in range(args.repeat)]
        for i in range(args.repeat):
            run = subprocess.Popen([LOCKSTEP, "train", f"{folder}/c.yaml", "--run-dir",
                                    f"{folder}/run{i}"], stderr=subprocess.DEVNULL)
            ours += lives(f"{folder}/run{i}/checkpoints", run)
            if run.returncode != 0:
                sys.exit(f"lockstep train ended with {run.returncode}")
    finally:
        shutil.rmtree(folder)
    a, b = statistics.median(ours), statistics.median(theirs)
    print(f"checkpoint of {size / 1e6:.0f} MB: {size / a / 1e6:.0f} MB/s ({a:.2f} s); plain writes: "
          f"{size / b / 1e6:.0f} MB/s ({b:.2f} s); ratio {b / a:.2f}; medians of {len(ours)}")


main()

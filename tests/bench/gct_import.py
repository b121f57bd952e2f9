"""How long `lockstep import gct` takes, and how much memory, on a file of GTEx's size.

    tests/bench/gct_import.py [--samples 17382] [--features 56200] [--dir DIR]

Makes a gzip file of that size from a pool of lines (they are longer than gzip's window, so they
compress as real ones do), imports it, and checks the peak of resident memory and some values.
The file is removed afterwards. Environment: LOCKSTEP names the program.
"""
import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

POOL = 64
LIMIT_BYTES = 1 << 30  # what an import may take


def make_pool(samples):
    rng = np.random.default_rng(1)
    pool = []
    for _ in range(POOL):
        mean = rng.normal(0, 2.5)
        x = np.exp(rng.normal(mean, 1, samples))
        x[rng.random(samples) < 1 / (1 + np.exp(mean + 1))] = 0
        pool.append("\t".join(f"{v:.4g}" for v in x))
    return pool


def make_gct(path, samples, features, pool):
    """Writes the file; returns the bytes of text in it."""
    ids = "\t".join(f"GTEX-{i % 948:05d}-{i:05d}-SM-BENCH" for i in range(samples))
    total = 0
    with open(path, "wb") as out:
        gzip = subprocess.Popen(["gzip", "-1"], stdin=subprocess.PIPE, stdout=out)
        head = f"#1.2\n{features}\t{samples}\nName\tDescription\t{ids}\n".encode()
        total += gzip.stdin.write(head)
        lines = [line.encode() for line in pool]
        for j in range(features):
            name = f"ENSG{j:011d}.1\tGENE{j}\t".encode()
            total += gzip.stdin.write(name) + gzip.stdin.write(lines[j % POOL])
            total += gzip.stdin.write(b"\n")
        gzip.stdin.close()
        if gzip.wait():
            sys.exit("gzip failed")
    return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=17382)
    parser.add_argument("--features", type=int, default=56200)
    parser.add_argument("--dir")
    args = parser.parse_args()
    lockstep = os.path.abspath(os.environ.get("LOCKSTEP", "build/release/lockstep"))
    work = tempfile.mkdtemp(prefix="lockstep-bench-", dir=args.dir)
    try:
        gct, out = os.path.join(work, "m.gct.gz"), os.path.join(work, "m.h5")
        pool = make_pool(args.samples)
        text = make_gct(gct, args.samples, args.features, pool)
        begin = time.monotonic()
        subprocess.run([lockstep, "import", "gct", gct, "--group", "donor", "-o", out], check=True)
        seconds = time.monotonic() - begin
        # gzip is a child, too, but takes a few MB only.
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        with h5py.File(out) as f:
            for j in {0, POOL + 3, args.features // 2, args.features - 1}:
                if j < args.features:
                    expected = np.array(pool[j % POOL].split("\t"), np.float64).astype(np.float32)
                    np.testing.assert_array_equal(f["X"][:, j], expected)
        values = args.samples * args.features
        print(f"{args.samples:,} samples x {args.features:,} features: {text / 1e9:.2f} GB of text, "
              f"{os.path.getsize(gct) / 1e9:.2f} GB gzip; {seconds:.1f} s, "
              f"{values / seconds / 1e6:.1f} million values/s, "
              f"{text / seconds / 1e6:.0f} MB/s of text; peak {peak / 1e6:.0f} MB resident")
        if peak > LIMIT_BYTES:
            sys.exit(f"more than {LIMIT_BYTES / 1e6:.0f} MB resident")
    finally:
        shutil.rmtree(work)


main()

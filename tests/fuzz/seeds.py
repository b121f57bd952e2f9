"""Makes the fuzzer's first inputs: DIR/<target>/*, small valid files of every kind, and DIR/*.dict.

usage: seeds.py LOCKSTEP DIR     (LOCKSTEP: the program)

Checkpoints are made by the program itself, the rest by hand or by h5py. HDF5 files come in the old
layout of their headers, too, which has no checksums that would stop the fuzzer. See fuzz_*.c for
what an input looks like.
"""
import gzip
import itertools
import json
import os
import re
import struct
import subprocess
import sys

import h5py
import numpy as np

SEPARATOR = b"\n@@@@\n"
PROGRAM, ROOT = sys.argv[1:]
COUNT = itertools.count()


def put(target, *contents):
    folder = os.path.join(ROOT, target)
    os.makedirs(folder, exist_ok=True)
    for data in contents:
        with open(os.path.join(folder, f"seed{next(COUNT):03}"), "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())


def lockstep(*args):
    return subprocess.run([PROGRAM, *args], check=True, capture_output=True, text=True,
                          cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}).stdout


def dictionary(target, words):
    with open(os.path.join(ROOT, target + ".dict"), "w", encoding="utf-8") as f:
        for word in sorted(set(words)):
            f.write('"' + "".join(c if c.isalnum() and c.isascii() else f"\\x{b:02x}"
                                  for c in word for b in c.encode()) + '"\n')


# ---- config ----

CONFIGS = [
    {"data": {"file": "a.h5"}, "model": [{"dense": {"units": 3}}], "loss": "mse"},
    {"name": "x", "seed": 4, "loss": {"mse": {"scale": 0.5}}, "class_weights": [1, 2.5],
     "data": {"file": "b.h5", "x": "/m", "layout": "features_by_samples", "shuffle_window": 8,
              "split": {"train": 0.7, "val": 0.2, "test": 0.1, "stratify": True, "group": "g"},
              "transform": ["log1p", "standardize", {"select": 9}, {"scale": 2}, "minmax"]},
     "model": [{"dense": {"units": 4, "init": {"normal": 0.3}, "bias": False}}, "relu",
               {"dropout": 0.3}, {"dense": 3}, "tanh",
               {"dense": {"units": 2, "init": {"values": [1, 2.5]}}}],
     "optimizer": {"adam": {"lr": 0.01, "weight_decay": 1e-5}},
     "batch": {"size": 64, "lanes": 4, "last": "drop"},
     "train": {"epochs": 2, "early_stopping": {"monitor": "val_loss", "patience": 3}},
     "checkpoint": {"every_steps": 5, "keep": 2}},
]


def configs():
    for config in CONFIGS:
        put("config", json.dumps(config))
        put("config", json.dumps(config).encode() + SEPARATOR + b"model.0.dense.units=7"
            + SEPARATOR + b"train.epochs=3" + SEPARATOR + b"model.1={dropout: {rate: 0.5}}")
    put("config", "name: a b\ndata: {file: 'x.h5'}\n# comment\nmodel:\n  - dense:\n      units: 3\n"
        "  - relu\nloss: softmax_cross_entropy\noptimizer: sgd\nbatch:\n  size: 12\n")
    put("config", 'a: &x [1, ~, "\\u00e9", .nan, -1e400, !!str b]\nb: *x\n--- \n? c\n: |\n  d\n')
    text = lockstep("train", "--help-config")
    dictionary("config", re.findall(r"[a-z_0-9]{3,}", text) +
               [": ", "- ", "{", "}", "[", "]", "\n  ", "@@@@", "~", ".nan", "1e9", "=", "."])


# ---- tables, images ----

def tables():
    rows = "label,id,donor,g1,g2\na,s1,d1,1,2.5\nb,s2,d1,-3e2,0\na,s3,d2,NA,1e-9\n"
    quoted = 'label,id,donor,"g ""1""",g2\r\n"a,b",s1,"d\n1",1,2\r\n\r\nb,"s2",d2,3,4\r\n'
    numbers = "1,2,3,4,5\n6,7,8,9,10\n"
    put("csv", b"\x21\0" + rows.encode(), b"\x6d\0" + rows.encode(), b"\x45\0" + quoted.encode(),
        b"\x12\1" + numbers.encode(), b"\x10\2" + numbers.encode(), b"\x90\4" +
        numbers.replace(",", ";").encode(), b"\x21\x08" + rows.replace(",", "\t").encode(),
        b"\x21\0" + gzip.compress(rows.encode(), mtime=0))
    dictionary("csv", ["label", "NA", "nan", "inf", "1e38", "1e39", "-0", "\"\"", "\r\n", "\ufeff"])

    plain = ("#1.2\n2\t3\nName\tDescription\tS-A-1\tS-B-2\tS-A-3\n"
             "g1\tone\t1\t2.5\t0\ng2\ttwo\t1e3\tNA\t-4\n")
    full = ("#1.3\n2\t3\t1\t2\nid\tsymbol\tS-A-1\tS-B-2\tS-A-3\ntissue\tna\tlung\tskin\tlung\n"
            "plate\tna\tp1\tp1\tp2\ng1\tone\t1\t2.5\t0\ng2\ttwo\t1e3\t2\t-4\n")
    table = "SAMPID\ttissue\tplate\nS-A-1\tlung\tp1\nS-A-3\tskin\tp2\nS-B-2\t\tp1\n"
    put("gct", b"\0" + plain.replace("NA", "3").encode(), b"\x18" + full.encode(), b"\x3a" +
        full.encode(), b"\x02" + gzip.compress(plain.encode(), mtime=0))
    for options in (0x0e, 0x5e, 0x3f, 0x0d):
        put("gct", bytes([options]) + plain.encode() + SEPARATOR + table.encode())
    dictionary("gct", ["#1.2", "#1.3", "SAMPID", "tissue", "plate", "NA", "inf", "\t", "\t\t",
                       "@@@@", "2147483647", "4294967296", "9999999999999999999"])

    def idx(kind, array):
        return (bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) +
                array.tobytes())
    images, labels = np.arange(24).reshape(4, 3, 2), np.array([1, 0, 2, 1])
    for kind, element in ((8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")):
        put("idx", b"\1" + idx(kind, images.astype(element)) + SEPARATOR +
            idx(12 if element[-2] == "f" else kind, labels.astype(">i4" if element[-2] == "f"
                                                                  else element)))
    put("idx", b"\0" + idx(8, images.astype("u1")),
        b"\1" + gzip.compress(idx(8, images.astype("u1")), mtime=0) + SEPARATOR +
        idx(8, labels.astype("u1")))


# ---- HDF5 ----

def read(path):
    with open(path, "rb") as f:
        return f.read()


def copy_old(source, path, **options):
    """The same contents with the old headers."""
    with h5py.File(source) as a, h5py.File(path, "w", libver="earliest", **options) as b:
        for name in a:
            a.copy(a[name], b, name)
        for name, value in a.attrs.items():
            b.attrs[name] = value


def datasets():
    x, codes = np.arange(60, dtype="f4").reshape(12, 5) / 4, np.arange(12) % 3
    names = [f"g{i}" for i in range(5)]
    cases = [
        {"X": x, "y": codes.astype("i4")},
        {"X": x.astype("f8"), "y": codes.astype("u1"), "classes": ["a", "b", "c"],
         "features": names, "samples": [f"s{i}" for i in range(12)],
         "groups": ["d", "e", "f"] * 4, "split": np.array([0, 0, 1, 2] * 3, "u1"),
         "weights": np.arange(12) / 4},
        {"X": x.astype("i2"), "y": np.array(["p", "q", "r"] * 4, dtype="S1"),
         "features": np.array(names, dtype="S4")},
        {"X": x, "y": x[:, :2], "targets": ["u", "v"], "groups": codes},
        {"X": x.astype(">f2"), "y": np.array([True, False] * 6)},
    ]
    path = os.path.join(ROOT, "d.h5")
    for number, (case, libver) in enumerate(itertools.product(cases, ("earliest", "v110"))):
        with h5py.File(path, "w", libver=libver) as f:
            for name, value in case.items():
                chunked = {"chunks": (4, 3), "compression": "gzip", "shuffle": True}
                f.create_dataset(name, data=value, **(chunked if name == "X" and number % 4 < 2
                                                      else {}))
        put("dataset", read(path) + bytes([2 * (number // 2)]))
    with h5py.File(path, "w") as f:
        f["X"], f["y"] = x.T, codes
    put("dataset", read(path) + b"\1")
    lockstep("import", "csv", table(), "--label", "label", "--compress", "1", "-o", path)
    put("dataset", read(path) + b"\2")


def table():
    path = os.path.join(ROOT, "t.csv")
    with open(path, "w", encoding="utf-8") as f:
        f.write("label,a,b\n" + "".join(f"{'xyz'[i % 3]},{i},{i * i % 7}\n" for i in range(12)))
    return path


def checkpoints():
    with h5py.File(os.path.join(ROOT, "d.h5"), "w") as f:
        x = np.arange(60, dtype="f4").reshape(12, 5) % 7
        f["X"], f["y"], f["v"] = x, np.arange(12) % 3, x[:, :2] / 8
        f["features"] = [f"g{i}" for i in range(5)]
    cases = [
        {"data": {"transform": ["log1p", "standardize", "minmax"]},
         "model": [{"dense": {"units": 4}}, "relu", {"dropout": 0.3}, {"dense": {"units": 3}}],
         "loss": "softmax_cross_entropy", "optimizer": {"adam": {"lr": 0.01}}},
        {"data": {"y": "/v", "transform": [{"select": 3}, "center"]},
         "model": [{"dense": {"units": 2, "bias": False}}], "loss": "mse",
         "optimizer": {"sgd": {"lr": 0.01, "momentum": 0.9}}},
        {"data": {"transform": [{"one_hot": {"column": "g2", "categories": 7}}, "cpm",
                                {"polynomial": {"interactions_only": True}}, {"whiten": 3},
                                {"select": 2}]},
         "model": [{"dense": {"units": 3}}], "loss": "softmax_cross_entropy", "optimizer": "sgd"},
    ]
    old, config = os.path.join(ROOT, "old.h5"), os.path.join(ROOT, "c.yaml")
    for number, case in enumerate(cases):
        case["data"]["file"] = "d.h5"
        with open(config, "w", encoding="utf-8") as f:
            json.dump({**case, "batch": {"size": 4}, "train": {"epochs": 1}}, f)
        lockstep("train", config, "--run-dir", f"run{number}")
        made = os.path.join(ROOT, f"run{number}", "checkpoints", "last.h5")
        sealed = read(made)
        put("checkpoint", sealed + b"\0")
        seal = int(re.search(rb"follow these (\d+) bytes", sealed)[1])
        copy_old(made, old, userblock_size=seal)
        put("checkpoint", sealed[:seal] + read(old)[seal:] + b"\3")
        with h5py.File(old, "r+") as f:
            f.attrs["version"] = 1
        put("checkpoint", bytes(seal) + read(old)[seal:] + b"\1")


# ---- edits of whole files ----

def edits():
    folder = os.path.join(ROOT, "templates")
    os.makedirs(folder)
    for number, (target, which) in enumerate((("checkpoint", 0), ("checkpoint", 3), ("dataset", 2),
                                              ("dataset", 6))):
        names = sorted(os.listdir(os.path.join(ROOT, target)))
        path = os.path.join(folder, f"{number}.h5")
        with open(path, "wb") as f:
            f.write(read(os.path.join(ROOT, target, names[which]))[:-1])
        count = []
        with h5py.File(path) as f:
            f.visit(count.append)
            if "config" in f:
                text = f["config"][()]
                put("edits", bytes([number, 1 + sorted(count).index("config"), 0, 3, 0]) + text)
        for i in range(len(count) + 1):
            put("edits", bytes([number, i, 0, 0]), bytes([number, i, 1, 1, 0, 2, 9, 3]),
                bytes([number, i, 0, 2, 1, 0, 2]), bytes([number, i, 0, 3, 6]),
                bytes([number, i, 0, 1, 7, 1, 4, 0, 0]) + b"text")
    dictionary("edits", re.findall(r"[a-z_0-9]{3,}", lockstep("train", "--help-config")) +
               [": ", "{", "}", "[", "]", "1e9", "2147483648", "@@@@"])


if __name__ == "__main__":
    os.makedirs(ROOT, exist_ok=True)
    ROOT = os.path.abspath(ROOT)
    PROGRAM = os.path.abspath(PROGRAM)
    configs()
    tables()
    datasets()
    checkpoints()
    edits()

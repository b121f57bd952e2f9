"""What the tests of faults share: a small run, and what must hold in its directory at any time."""
import os
import re

import numpy as np
import xxhash

import experiments
import lockstep_test
from lockstep_test import LOCKSTEP


class Wrong(Exception):
    """Something that must hold does not."""


def demand(holds, what, result=None):
    if not holds:
        raise Wrong(f"{what}\n{result!r}" if result is not None else what)


def write_run(folder, epochs=2, rows=90, strategy="data", more=None, **checkpoint):
    """A dataset and the config of a run in it: 5 steps an epoch for 90 rows; more: what else the
    config says, section by section. The config's path."""
    experiments.classes(f"{folder}/d.h5", rows, 6, 3,
                        {"split": (np.arange(rows) // 3 % 3 == 2).astype("u1")})
    config = {
        "model": [experiments.dense(3)], "loss": "softmax_cross_entropy",
        "batch": {"size": 12, "lanes": 4}, "train": {"epochs": epochs},
        "parallel": {"strategy": strategy},
        "data": {"file": "d.h5", "block_rows": 5},
        "checkpoint": {"every_steps": 2, "keep": 3, **checkpoint}}
    for key, value in (more or {}).items():
        config[key] = {**config[key], **value} if isinstance(value, dict) else value
    return experiments.write_config(f"{folder}/c.yaml", config)


def is_whole(path):
    """Whether a checkpoint's seal fits its bytes."""
    with open(path, "rb") as f:
        whole = f.read()
    said = re.match(rb"lockstep checkpoint\n.* these (\d+) bytes: ([0-9a-f]{32})\n", whole)
    return bool(said) and (
        experiments.sum_by_pieces(whole[int(said.group(1)):]).encode() == said.group(2))


def check_checkpoints(run_dir, least):
    """All files under a checkpoint's name are whole; there are at least so many."""
    names = [n for n in os.listdir(f"{run_dir}/checkpoints") if n.endswith(".h5")]
    demand(len(names) >= least, f"only {names} are left")
    for name in names:
        demand(is_whole(f"{run_dir}/checkpoints/{name}"), f"{name} is damaged")


def hash_of(path):
    r = lockstep_test.run("inspect", path, "--hash", program=LOCKSTEP)
    demand(r.code == 0, f"inspect {path}", r)
    return r.out.strip()


def check_finished(run_dir, want, epochs):
    """The run is done, with these weights and a record of every epoch."""
    got = hash_of(f"{run_dir}/checkpoints/last.h5")
    demand(got == want, f"the weights' hash is {got}, not {want}")
    found = [line["epoch"] for line in experiments.metrics(run_dir)]
    demand(found == list(range(1, epochs + 1)), f"metrics.jsonl has the epochs {found}")
    left = [n for d in (run_dir, f"{run_dir}/checkpoints") for n in os.listdir(d) if ".tmp-" in n]
    demand(not left, f"unfinished files are left: {left}")


def finish(config, run_dir, want, epochs, **options):
    """Resumes without a fault."""
    r = lockstep_test.run("train", config, "--run-dir", run_dir, "--resume", **options)
    demand(r.code == 0, "it does not go on", r)
    demand("passed over" not in r.err, "a checkpoint was not good", r)
    check_finished(run_dir, want, epochs)
    return r

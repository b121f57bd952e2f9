"""Test accuracy on GTEx V6 tissues beside PyTorch: the same network, optimiser and rows.

    tests/bench/gtex_pytorch.py [--data FILE] [--seeds 1 2 3 4 5]

For every seed `mpirun -n 2 lockstep train configs/gtex-tissue.yaml` makes a donor-grouped split
and trains; PyTorch then trains on the very same training rows (/split of the checkpoint) in its
own way: its own first weights, its own batches. Both keep the epoch with the best validation
loss. Prints a table and ends with 1 when lockstep's mean accuracy is more than 0.005 below
PyTorch's. Takes some minutes; needs Debian's python3-torch, and build/release or LOCKSTEP.
"""
import argparse
import copy
import json
import os
import sys
import tempfile
import time

import h5py
import numpy as np

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
os.environ.setdefault("LOCKSTEP", os.path.join(SOURCE, "build", "release", "lockstep"))

if os.geteuid() == 0:  # in a container
    os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")

import lockstep_test  # noqa: E402

HIDDEN, RATE, LR, DECAY, BATCH, EPOCHS = 512, 0.3, 1e-4, 1e-5, 128, 20
BEHIND = 0.005  # the mean may be this much lower
TRAIN, VAL, TEST = 0, 1, 2


def must(*args, **options):
    result = lockstep_test.run(*args, timeout=3600, **options)
    if result.code != 0:
        sys.exit(f"lockstep {' '.join(args)}: {result!r}")
    return result


def dataset(given, directory):
    """The dataset file: the one given, the config's, or one imported from ../shared/data."""
    path = given or os.path.join(SOURCE, "data", "gtex-v6.h5")
    if os.path.exists(path):
        return os.path.abspath(path)
    gct, table = lockstep_test.need_shared("gtex_v6/gtex_v6_transcript_rpkm.gct.gz",
                                           "gtex_v6/SampleAttributesDS.txt")
    path = os.path.join(directory, "gtex-v6.h5")
    must("import", "gct", gct, "--attributes", table, "--label", "SMTSD", "--group", "donor",
         "-o", path)
    return path


def train_lockstep(data, directory, seed):
    """Test accuracy, the split of the rows, seconds of training."""
    run = os.path.join(directory, f"run-{seed}")
    trained = must("train", os.path.join(SOURCE, "configs", "gtex-tissue.yaml"), "--set",
                   f"data.file={data}", "--set", f"seed={seed}", "--run-dir", run, ranks=2,
                   threads=1)
    accuracy = json.loads(must("evaluate", run, "--split", "test", "--json").out)["accuracy"]
    with h5py.File(os.path.join(run, "checkpoints", "best.h5"), "r") as f:
        return accuracy, f["split"][...], trained.seconds


def transformed(x, train):
    """log1p and standardize, fitted on the training rows."""
    x = np.log1p(x.astype("f8"))
    deviation = x[train].std(axis=0)
    deviation[deviation == 0] = 1
    return ((x - x[train].mean(axis=0)) / deviation).astype("f4")


def train_pytorch(torch, x, y, part, seed):
    """Test accuracy of the epoch with the best validation loss, seconds of training."""
    torch.manual_seed(seed)
    x = torch.tensor(transformed(x, part == TRAIN))
    y = torch.tensor(y.astype("i8"))
    rows = [torch.tensor(np.flatnonzero(part == p)) for p in (TRAIN, VAL, TEST)]
    model = torch.nn.Sequential(torch.nn.Linear(x.shape[1], HIDDEN), torch.nn.ReLU(),
                                torch.nn.Dropout(RATE), torch.nn.Linear(HIDDEN, int(y.max()) + 1))
    rule = torch.optim.Adam(model.parameters(), lr=LR, weight_decay=DECAY)
    loss_of = torch.nn.CrossEntropyLoss()
    best, best_loss, begin = None, float("inf"), time.monotonic()
    for _ in range(EPOCHS):
        model.train()
        for batch in rows[TRAIN][torch.randperm(len(rows[TRAIN]))].split(BATCH):
            rule.zero_grad()
            loss_of(model(x[batch]), y[batch]).backward()
            rule.step()
        model.eval()
        with torch.no_grad():
            loss = loss_of(model(x[rows[VAL]]), y[rows[VAL]]).item()
        if loss < best_loss:
            best, best_loss = copy.deepcopy(model.state_dict()), loss
    seconds = time.monotonic() - begin
    model.load_state_dict(best)
    with torch.no_grad():
        right = model(x[rows[TEST]]).argmax(1) == y[rows[TEST]]
    return right.float().mean().item(), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="the imported dataset (data/gtex-v6.h5)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    arguments = parser.parse_args()
    try:
        torch = lockstep_test.need_module("torch")
        with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as directory:
            return compare(torch, dataset(arguments.data, directory), directory, arguments.seeds)
    except lockstep_test.unittest.SkipTest as skipped:
        print(f"skipped: {skipped}")
        return lockstep_test.SKIPPED


def compare(torch, data, directory, seeds):
    torch.set_num_threads(2)
    with h5py.File(data, "r") as f:
        x, y = f["X"][...], f["y"][...]
    print(f"{'seed':>5} {'test rows':>10} {'lockstep':>10} {'PyTorch':>10} "
          f"{'lockstep s':>11} {'PyTorch s':>10}")
    pairs = []
    for seed in seeds:
        mine, part, seconds = train_lockstep(data, directory, seed)
        theirs, their_seconds = train_pytorch(torch, x, y, part, seed)
        pairs.append((mine, theirs))
        print(f"{seed:5} {(part == TEST).sum():10} {mine:10.4f} {theirs:10.4f} {seconds:11.1f} "
              f"{their_seconds:10.1f}", flush=True)
    mine, theirs = np.mean(pairs, axis=0)
    print(f"{'mean':>5} {'':10} {mine:10.4f} {theirs:10.4f}   difference {mine - theirs:+.4f}")
    return 0 if mine >= theirs - BEHIND else 1


if __name__ == "__main__":
    sys.exit(main())

"""Small experiments for the whole-program tests: datasets and the configs that train on them.

Every number of a dataset comes from integer arithmetic and is exact in float32, so that a file is
the same on every machine and the hashes of what is trained on it can be compared.
"""
import contextlib
import json

import h5py
import numpy as np
import xxhash


def integers(count, seed, bound):
    """count integers in [0, bound), from splitmix64's output function over a counter."""
    z = (np.arange(count, dtype=np.uint64) + np.uint64(seed * 1000003)) * np.uint64(
        0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(33)).astype(np.int64) % bound


def matrix(samples, features, seed):
    """Values in [0, 4), multiples of 1/16."""
    return (integers(samples * features, seed, 64).reshape(samples, features) / 16).astype("f4")


def write(path, arrays):
    with h5py.File(path, "w") as f:
        for name, value in arrays.items():
            f[name] = value
    return path


def classes(path, samples, features, n_classes, arrays=None, seed=1):
    """A class shifts every n_classes-th feature by 1; small datasets hold every class."""
    y = (np.arange(samples) % n_classes + integers(samples, seed + 1, 2)) % n_classes
    x = matrix(samples, features, seed)
    x[np.arange(features)[None, :] % n_classes == y[:, None]] += 1
    return write(path, {"X": x, "y": y.astype("i4"), **(arrays or {})})


def values(path, samples, features, n_outputs, arrays=None, seed=1, scale=0.5):
    """Targets are scaled sums of some features."""
    x = matrix(samples, features, seed)
    y = np.stack([x[:, k::n_outputs].sum(axis=1) for k in range(n_outputs)], axis=1) * scale
    return write(path, {"X": x, "y": y.astype("f4"), **(arrays or {})})


def write_config(path, config):
    """JSON is YAML."""
    with open(path, "w", encoding="utf-8") as f:
        json.dump(config, f, indent=1)
    return path


def dense(units, **options):
    return {"dense": {"units": units, **options}}


def _names(prefix, n):
    return [f"{prefix}{i}" for i in range(n)]


# name: (the dataset, the config without data.file). Together they use everything that can be
# chosen in a config; test_golden.py says what lacks an example.
EXPERIMENTS = {
    # Prime numbers everywhere, all lanes of the default, the last step not full.
    "classes": (
        lambda path: classes(path, 1009, 37, 5, {"features": _names("g", 37)}),
        {"seed": 3,
         "data": {"split": {"train": 0.7, "val": 0.2, "test": 0.1, "stratify": True},
                  "transform": ["log1p", "standardize"], "shuffle_window": 50},
         "model": [dense(33), "relu", {"dropout": 0.3},
                   dense(17, init="xavier_normal", bias_init={"uniform": 0.1}), "tanh",
                   dense(5, init="xavier_uniform"), "softmax"],
         "loss": "softmax_cross_entropy",
         "optimizer": {"adam": {"lr": 0.01, "weight_decay": 0.001}},
         "batch": {"size": 64},
         "train": {"epochs": 2, "early_stopping": {"monitor": "val_loss"}}}),
    # Five lanes, several outputs, steps that are not full are dropped.
    "values": (
        lambda path: values(path, 613, 23, 3),
        {"seed": 4,
         "data": {"split": {"val": 0.25}, "transform": ["center", {"scale": 0.5}, "minmax"]},
         "model": [dense(19, init={"normal": 0.3}), "sigmoid", dense(7, init="he_uniform"), "relu",
                   dense(3, init={"uniform": 0.2}, bias_init={"constant": 0.5})],
         "loss": {"mse": {"scale": 0.5}},
         "optimizer": {"sgd": {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.0001}},
         "batch": {"size": 35, "lanes": 5, "last": "drop"},
         "train": {"epochs": 3}}),
    # Six lanes, small blocks of rows, two classes with one output.
    "binary": (
        lambda path: classes(path, 331, 31, 2, {"classes": ["no", "yes"]}),
        {"data": {"split": {"val": 0.1, "test": 0.3}, "transform": ["log2p1", {"select": 9}],
                  "block_rows": 7},
         "model": [dense(11, bias=False), "tanh", dense(1), "sigmoid"],
         "loss": "binary_cross_entropy",
         "optimizer": {"adamw": {"lr": 0.02}},
         "batch": {"size": 30, "lanes": 6},
         "train": {"epochs": 4}}),
    # Layers wider than the tiles of the matrix products, and an exchange of many blocks.
    "wide": (
        lambda path: classes(path, 307, 1100, 3),
        {"data": {"split": {"val": 0.2}},
         "model": [dense(300), "relu", dense(530), "relu", dense(3)],
         "loss": "softmax_cross_entropy",
         "optimizer": {"sgd": {"lr": 0.001}},
         "batch": {"size": 128},
         "train": {"epochs": 1}}),
    # Lanes without rows, a layer in the middle that a loss absorbs at the end.
    "tiny": (
        lambda path: values(path, 11, 2, 1, scale=1 / 8),  # targets from 0 to 1
        {"data": {"split": {"train": 1.0}},
         "model": [dense(3, init={"values": [[1, -1], [0.5, 0.25], [-0.5, 2]]}), "softmax",
                   dense(1, init="zeros")],
         "loss": "binary_cross_entropy",
         "optimizer": {"sgd": {"lr": 0.1}},
         "batch": {"size": 8},
         "train": {"epochs": 2}}),
    # Columns instead of rows shared out: in 32 blocks of 21 or 22, behind a layer that draws for
    # each of them; steps and blocks that are not full.
    "features": (
        lambda path: classes(path, 701, 700, 5, {"features": _names("g", 700)}),
        {"seed": 5,
         "data": {"split": {"train": 0.6, "val": 0.4}, "transform": ["log1p", "standardize"]},
         "model": [{"dropout": 0.1}, "relu", dense(37), "relu", {"dropout": 0.3}, dense(5)],
         "loss": "softmax_cross_entropy",
         "optimizer": {"adamw": {"lr": 0.01}},
         "batch": {"size": 64},
         "parallel": {"strategy": "features"},
         "train": {"epochs": 2}}),
    # The same of chosen columns, fewer than there are blocks; nothing behind the first layer.
    "features_values": (
        lambda path: values(path, 421, 43, 3),
        {"data": {"split": {"val": 0.25}, "transform": [{"select": 29}, "center"]},
         "model": [dense(3, bias=False, init={"uniform": 0.1})],
         "loss": "mse",
         "optimizer": {"sgd": {"lr": 0.001, "momentum": 0.9}},
         "batch": {"size": 40},
         "parallel": {"strategy": "features"},
         "train": {"epochs": 3}}),
    # Every activation, a normalisation, noise on inputs and inside, and what suits them for first
    # weights.
    "activations": (
        lambda path: values(path, 467, 29, 3),
        {"seed": 6,
         "data": {"split": {"val": 0.2}, "transform": ["standardize"]},
         "model": [{"gaussian_noise": 0.1}, dense(23, init="lecun_normal"), "selu",
                   dense(19, init="lecun_uniform"), "gelu", {"layer_norm": {"eps": 0.001}},
                   dense(21, init={"orthogonal": 1.25}), {"leaky_relu": 0.1},
                   {"multiplicative_noise": 0.2},
                   dense(17, init={"truncated_normal": 0.25}), {"elu": 0.5},
                   {"layer_norm": {"affine": False}}, dense(9, init="glorot_normal"), "softplus",
                   dense(3), "linear"],
         "loss": "mse",
         "optimizer": {"adam": {"lr": 0.01}},
         "batch": {"size": 40},
         "train": {"epochs": 2}}),
    # Blocks of layers, statistics of lanes, and all that makes an update wait for its whole gradient.
    "blocks": (
        lambda path: classes(path, 467, 29, 3),
        {"seed": 8,
         "data": {"split": {"val": 0.2}, "transform": ["robust"]},
         "model": [dense(24, bias=False), "batch_norm", "relu",
                   {"residual": {"layers": [dense(24, lr_scale=0.5), {"batch_norm": {"momentum": 0.2}},
                                            "tanh",
                                            {"residual": {"layers": ["sigmoid"]}}]}},
                   dense(3, bias_init="ones")],
         "loss": "softmax_cross_entropy",
         "optimizer": {"lamb": 0.01}, "clip": {"norm": 0.5}, "penalty": {"l1": 1e-4, "l2": 1e-3},
         "batch": {"size": 40, "accumulate": 3},
         "train": {"epochs": 3}}),
    "large_batch": (
        lambda path: classes(path, 467, 1100, 3),
        {"data": {"split": {"val": 0.2}, "transform": [{"quantile_clip": 0.05}, "standardize"]},
         "model": [dense(33), "relu", {"batch_norm": {"affine": False}}, dense(3)],
         "loss": "softmax_cross_entropy",
         "optimizer": {"lars": {"lr": 0.5, "weight_decay": 1e-4}}, "clip": {"value": 0.05},
         "batch": {"size": 128}, "parallel": {"strategy": "features"},
         "train": {"epochs": 2}}),
    # An autoencoder whose decoder has the encoder's weights; the last step has few rows.
    "tied": (
        lambda path: write(path, {"X": matrix(211, 43, 1)}),
        {"seed": 9,
         "data": {"y": "/X", "split": {"val": 0.2}, "transform": ["standardize"]},
         "model": [dense(29), "tanh", dense(7, bias=False), {"tied": {"to": 2, "bias": False}}, "gelu",
                   {"tied": {"to": 0, "lr_scale": 2}}],
         "loss": "mse", "optimizer": {"adam": {"lr": 0.01}},
         "batch": {"size": 40}, "train": {"epochs": 2}}),
    # Columns made of others: of counts, of a column of codes, of products.
    "mixed": (
        lambda path: write(path, {"X": integers(401 * 19, 1, 4).reshape(401, 19),
                                  "y": integers(401, 3, 3)}),
        {"data": {"split": {"val": 0.2},
                  "transform": [{"one_hot": {"column": 4, "categories": 4}}, {"select": 12}, "cpm",
                                "log1p", {"polynomial": {"interactions_only": True}}, "standardize"]},
         "model": [dense(9), "tanh", dense(3)],
         "loss": "softmax_cross_entropy",
         "optimizer": {"sgd": {"lr": 0.01}},
         "batch": {"size": 40},
         "train": {"epochs": 2}}),
    # Rosenblatt's rule, a sample at a time.
    "perceptron": (
        lambda path: write(path, {"X": matrix(211, 13, 1), "y": (matrix(211, 1, 2) > 2).astype("f4")}),
        {"model": [dense(1, init="zeros"), "threshold"],
         "loss": {"mse": 0.5},
         "optimizer": {"sgd": {"lr": 0.5}},
         "batch": {"size": 1},
         "train": {"epochs": 1}}),
    # Errors that outliers must not rule; rows that count more than others, some not at all.
    "absolute": (
        lambda path: values(path, 211, 13, 2, {"weights": integers(211, 9, 4) / 2}),
        {"data": {"split": {"val": 0.2}},
         "model": [dense(9), "tanh", dense(2)],
         "loss": "mae", "optimizer": {"adam": {"lr": 0.01}},
         "batch": {"size": 24}, "train": {"epochs": 2}}),
    "huber": (
        lambda path: values(path, 211, 13, 2),
        {"data": {"split": {"val": 0.2}},
         "model": [dense(9), "tanh", dense(2)],
         "loss": {"huber": {"delta": 0.5}}, "optimizer": {"adam": {"lr": 0.01}},
         "batch": {"size": 24}, "train": {"epochs": 2}}),
    # Counts.
    "poisson": (
        lambda path: values(path, 211, 13, 3, scale=1 / 4),
        {"data": {"split": {"val": 0.2}, "transform": ["standardize"]},
         "model": [dense(9), "tanh", dense(3)],
         "loss": "poisson_nll", "optimizer": {"adam": {"lr": 0.01}},
         "batch": {"size": 24}, "train": {"epochs": 2}}),
    "negative_binomial": (
        lambda path: values(path, 211, 13, 3, scale=1 / 4),
        {"data": {"split": {"val": 0.2}, "transform": ["standardize"]},
         "model": [dense(9), "tanh", dense(3)],
         "loss": {"negative_binomial_nll": {"dispersion": 0.5}},
         "optimizer": {"adam": {"lr": 0.01}},
         "batch": {"size": 24}, "train": {"epochs": 2}}),
    # Classes of unequal sizes, drawn and counted as if they were equal.
    "balanced": (
        lambda path: write(path, {"X": matrix(307, 17, 1), "y": integers(307, 2, 9) // 4}),
        {"data": {"split": {"val": 0.2}, "block_rows": 4},
         "model": [dense(9), "relu", dense(3)],
         "loss": {"softmax_cross_entropy": {"label_smoothing": 0.1}},
         "class_weights": [1, 2, 3], "optimizer": {"sgd": {"lr": 0.05}},
         "batch": {"size": 32, "sampling": "balanced"}, "train": {"epochs": 2}}),
    # One lane: nothing to share.
    "lane": (
        lambda path: classes(path, 97, 3, 2),
        {"model": [dense(2)], "loss": "softmax_cross_entropy", "optimizer": "adam",
         "batch": {"size": 7, "lanes": 1}, "train": {"epochs": 2}}),
}


# Schedules, with the optimizers that have no example above.
_SCHEDULED = {
    "step": ({"step": {"every": 2, "factor": 0.5}}, {"rmsprop": {"momentum": 0.5}}),
    "exponential": ({"exponential": 0.7}, {"rmsprop": {"lr": 0.001, "centered": True}}),
    "inverse_time": ({"inverse_time": 0.1}, {"adagrad": {"weight_decay": 0.001}}),
    "polynomial": ({"polynomial": {"power": 0.5, "final": 0.1}}, {"adagrad": {"lr_decay": 0.1}}),
    "cosine": ({"cosine": {"epochs": 1, "multiplier": 2, "final": 0.01}}, {"sgd": {"lr": 0.05}}),
    "one_cycle": ("one_cycle",
                  {"sgd": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.001}}),
    "plateau": ({"plateau": {"factor": 0.5, "patience": 0, "min_delta": 0.02}}, "adam"),
}
for _name, (_schedule, _optimizer) in _SCHEDULED.items():
    EXPERIMENTS[f"schedule_{_name}"] = (
        lambda path: classes(path, 151, 13, 3),
        {"data": {"split": {"val": 0.25}}, "model": [dense(9), "tanh", dense(3)],
         "loss": "softmax_cross_entropy", "optimizer": _optimizer, "schedule": _schedule,
         "warmup": {"steps": 4}, "batch": {"size": 24, "lanes": 6}, "train": {"epochs": 5}})


def make(directory, name, **changes):
    """Writes dataset and config of an experiment; gives the config's path. changes overrides
    whole sections of the config."""
    build, config = EXPERIMENTS[name]
    config = json.loads(json.dumps(config))
    config["name"] = name
    config.update(changes)
    data = f"{directory}/{name}.h5"
    build(data)
    config.setdefault("data", {})["file"] = data
    return write_config(f"{directory}/{name}.yaml", config)


def contents(checkpoint):
    """Everything in a checkpoint that must not depend on how the run was started: bytes of every
    array and attribute, by name."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            value = item[()]
            texts = not isinstance(value, np.ndarray) or value.dtype == object
            found[name] = np.asarray(value).tolist() if texts else value.tobytes()
        for key, value in item.attrs.items():
            found[f"{name}@{key}"] = np.asarray(value).tobytes()

    with h5py.File(checkpoint, "r") as f:
        f.visititems(visit)
    for name in ("provenance", "state@seconds"):
        del found[name]
    return found


def metrics(run_dir):
    """The lines of metrics.jsonl without the times."""
    with open(f"{run_dir}/metrics.jsonl", encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    for line in lines:
        for key in ("seconds", "samples_per_s", "steps_s", "wait_s"):
            del line[key]
        line.pop("read_wait_s", None)  # where rows are streamed
    return lines


def sum_by_pieces(rest):
    """What the block before a checkpoint's HDF5 part says of the bytes that follow it."""
    pieces = (rest[i:i + (2 << 20)] for i in range(0, len(rest), 2 << 20))
    return xxhash.xxh3_128_hexdigest("".join(map(xxhash.xxh3_128_hexdigest, pieces)).encode())


@contextlib.contextmanager
def edit_checkpoint(path):
    """Opens it with h5py and then gives it the seal that its new bytes make."""
    with h5py.File(path, "r+") as f:
        yield f
    with open(path, "r+b") as f:
        block = f.read(4096)
        total = sum_by_pieces(f.read()).encode()
        head, rest = block.rstrip(b"\0").rsplit(b" ", 1)
        assert len(rest) == 33
        f.seek(0)
        f.write((head + b" " + total + b"\n").ljust(4096, b"\0"))

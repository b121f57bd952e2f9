"""The table of test_matrix.py: what a run is put together from.

A factor either decides the result, and is part of the config, or must not: how, and on what, the
config is run. A new factor is one line of factors(), a new value one more in its line; what the program
has a table of comes from the program, with values for its options from GIVEN.

pairs.py makes rows of it, a few more than the product of the numbers of values of the two longest
factors; a row costs two runs, about half a second each.
"""
import itertools
import re

import experiments
import lockstep_test
import options
from experiments import dense

RANKS, THREADS = (1, 2, 3, 4, 8), (1, 2, 4)
FEATURES = {"narrow": 37, "wide": 1100}  # wide: more than a tile of the matrix products
UNITS = 33

# Values for options, by name: of those that have no default, and of those whose default does not suit.
GIVEN = {"units": UNITS, "rate": 0.3, "factor": 0.5, "features": 29, "values": [0.1, -0.2, 0.3] * 11,
         "value": 0.01, "lr": 0.01, "scale": 0.002, "std": 0.05, "lr_scale": 0.5, "dispersion": 0.5,
         "layers": ["tanh"], "to": "first", "every": 2, "decay": 0.1,
         # of plateau: every epoch but the first brings a reduction, the first one down to min_lr
         "patience": 0, "min_delta": 1000, "min_lr": 0.006, "share": 0.1,
         "column": 3, "categories": 8, "components": 20}

# Options of the config that are one of some words and no factor here, and who looks at them.
ELSEWHERE = {"data.layout": "test_evaluate.py", "train.early_stopping.mode": "test_train_again.py"}

# What losses of values need: targets that counts can be, and as many outputs.
VALUES = {"data.y": "/values", "model.last": dense(2)}
OF_VALUES = ["mse", "mae", "huber", "poisson_nll", "negative_binomial_nll"]

# Pairs that the program refuses, and what it says: the test asks it.
IMPOSSIBLE = [
    ({"ranks": "8", "lanes": "5"}, "8 ranks are more than"),
    ({"front": "softmax", "strategy": "features"}, "elementwise"),
    ({"sampling": "balanced", "memory": "stream"}, "rows in memory"),
    *[({factor: "balanced", "loss": loss}, "has no classes")
      for factor in ("sampling", "class weights") for loss in OF_VALUES],
]
IMPOSSIBLE += [({"front": front, "strategy": "features"}, "elementwise") for front in
               ("layer_norm", "layer_norm+", "batch_norm", "batch_norm+", "residual")]

IMPOSSIBLE += [({"layer": layer, "strategy": "features"}, "is tied to the first") for layer in
               ("tied", "tied+")]

# Factors whose values need not meet: the tables of what comes one after the other in a run. What meets
# them all is how a run is shared out.
APART = list(itertools.combinations(("transform", "front", "init", "layer", "loss", "optimizer"), 2))


class Factor:
    """values: {label: settings of the config, by dotted key}. Where it does not decide, a run is
    compared with one that has another value; what no config says (ranks, ...) has no settings."""

    def __init__(self, decides, values):
        self.decides, self.values = decides, values


def _variants(thing):
    """{label: options}: as it is given, and with what is off by default (0, false) or on (true) turned
    round."""
    given, turned = {}, {}
    for option, about in thing.options.items():
        if option in GIVEN:
            given[option] = GIVEN[option]
        elif about.endswith("required"):
            raise LookupError(f"give {thing.kind} {thing.name} a value for {option} in GIVEN")
        elif about.startswith("number") and about.endswith("default: 0"):
            turned[option] = 0.05
        elif about.startswith("true or false"):
            turned[option] = about.endswith("false")
    found = {thing.name: {thing.name: given}}
    if turned:
        found[f"{thing.name}+"] = {thing.name: {**given, **turned}}
    return found


class Program:
    """What the program at hand offers."""

    def __init__(self):
        run = lockstep_test.run
        self.keys, self.things = options.read(run("train", "--help-config").out)
        self.version = run("--version", threads=max(THREADS)).out
        self.threads = int(re.search(r"^threads: +(\d+)", self.version, re.M)[1])  # 1 without OpenMP

    def kind(self, kind, at, suits=None, none=False, but=()):
        """A factor of all that a table holds, each set at a key. suits: {name: further settings}."""
        values = {"none": {}} if none else {}
        for thing in self.things:
            if thing.kind == kind and thing.name not in but:
                more = (suits or {}).get(thing.name, {})
                values.update({k: {at: v, **more} for k, v in _variants(thing).items()})
        return Factor(True, values)

    def words(self, key, but=("auto",), decides=True):
        """A factor of the words that an option takes."""
        return Factor(decides, {w: {key: w} for w in options.words(self.keys[key]) if w not in but})

    def gemms(self):
        """Those that this build and this processor have."""
        absent = [w for w in options.words(self.keys["compute.gemm"])
                  if f" by {w} " not in self.version.lower()]
        return self.words("compute.gemm", but=absent)

    def precisions(self):
        """bfloat16 where this build and this processor can multiply in it."""
        return self.words("precision", but=[] if " by onednn" in self.version.lower() else ["bf16"])


def these(key, *values, decides=True):
    return Factor(decides, {str(v): {key: v} for v in values})


def outside(*labels):
    return Factor(False, {str(label): {} for label in labels})


def factors(program):
    """{name: Factor}. The first value is that of the plainest run."""
    return {
        # What decides the result.
        "strategy": program.words("parallel.strategy"),
        "gemm": program.gemms(),
        "precision": program.precisions(),
        "width": Factor(True, {w: {"data.x": f"/{w}"} for w in FEATURES}),
        "lanes": these("batch.lanes", 8, 5),
        "last": program.words("batch.last"),
        "transform": program.kind("transform", "data.transform", none=True, suits={
            # Of counts, and then to numbers that a network can take.
            "cpm": {"data.x": "/counts", "data.transform": ["cpm", "standardize"]},
            # Of few columns, since it makes some half of their square.
            "polynomial": {"data.before": [{"select": 29}]},
            "one_hot": {"data.x": "/counts",
                        "data.transform": [{"one_hot": {"column": 3, "categories": 8}}, "minmax"]}}),
        "front": program.kind("layer", "model.front", none=True,
                              but=["linear", "tied"]),  # it is none; there is nothing before it
        "init": program.kind("initialiser", "model.first.dense.init", {
            # Of 1,100 weights of 1 each the losses of counts make no finite number.
            "ones": {"model.first.dense.init": "he_normal", "model.first.dense.bias_init": "ones"},
            "values": {"model.first.dense.init": "he_normal",
                       "model.first.dense.bias_init": {"values": GIVEN["values"]}}}),
        "layer": program.kind("layer", "model.middle", but=["threshold"]),  # an error there
        "loss": program.kind("loss", "loss", {
            "binary_cross_entropy": {"data.y": "/two", "model.last": dense(1)},
            **{loss: VALUES for loss in OF_VALUES},
            # exp of wide sums would grow beyond all bounds at this learning rate.
            "poisson_nll": {**VALUES, "model.last": dense(2, lr_scale=0.01),
                            "model.deep": dense(290, init={"normal": 0.001}, lr_scale=0.01)}}),
        "class weights": Factor(True, {"equal": {}, "balanced": {"class_weights": "balanced"}}),
        "row weights": Factor(True, {"1 each": {}, "given": {"data.weights": "/count"}}),
        "sampling": program.words("batch.sampling"),
        "optimizer": program.kind("optimizer", "optimizer"),
        "penalty": Factor(True, {"none": {}, "l1": {"penalty.l1": 1e-3},
                                 "elastic net": {"penalty": {"l1": 1e-4, "l2": 0.1, "biases": True}}}),
        "clip": Factor(True, {"none": {}, "value": {"clip.value": 0.01}, "norm": {"clip.norm": 0.1}}),
        "accumulate": Factor(True, {"1": {}, "2": {"batch.accumulate": 2,
                                                   "checkpoint.every_steps": 1}}),
        "schedule": program.kind("schedule", "schedule"),
        "warmup": Factor(True, {"none": {}, "steps": {"warmup.steps": 5},
                                "epochs": {"warmup": {"epochs": 1.5, "from": 0.3}}}),
        # What must not.
        "ranks": outside(*RANKS),
        "threads": outside(*THREADS),
        "start": outside("straight", "inside", "between"),  # resumed inside an epoch, between two
        "sharing": these("parallel.sharing_ranks", 0, 1, 2, 3, decides=False),
        "memory": program.words("data.memory", decides=False),
        "background": these("checkpoint.background", True, False, decides=False),
    }


def write_data(path):
    """Targets for every loss, features of both widths; two rows in three train."""
    samples = 330
    rows = range(samples)
    arrays = {name: experiments.matrix(samples, n, 1) / 8 - 0.25 for name, n in FEATURES.items()}
    arrays["counts"] = experiments.integers(samples * 1100, 8, 8).reshape(samples, 1100)
    arrays |= {"y": [r % 7 % 3 for r in rows], "two": [r % 7 % 2 for r in rows],
               "values": experiments.matrix(samples, 2, 7), "split": [r // 3 % 3 == 2 for r in rows],
               "count": [r % 5 for r in rows]}
    return experiments.write(path, arrays)


def _set(config, key, value):
    *path, last = key.split(".")
    for name in path:
        config = config.setdefault(name, {})
    config[last] = value


def _layers(model):
    """The list of a model's layers. One that is tied to another names it."""
    return [{"tied": {**layer["tied"], "to": list(model).index(layer["tied"]["to"])}}
            if "tied" in layer else layer for layer in model.values()]


def config_of(table, row):
    """The config of a row. An epoch has 4 to 6 steps, the last with fewer rows unless it is dropped."""
    config = {"seed": 5, "data": {"file": "d.h5", "block_rows": 5, "shuffle_window": 3},
              "model": {"front": None, "first": dense(UNITS), "middle": None, "deep": dense(290),
                        "last": dense(3)},
              "batch": {"size": 40}, "train": {"epochs": 3},
              "checkpoint": {"every_steps": 3, "keep": 99}}
    for name, label in row.items():
        for key, value in table[name].values[label].items():
            alone = key == "data.transform" and not isinstance(value, list)
            _set(config, key, [value] if alone else value)
    before = config["data"].pop("before", [])
    if before:
        config["data"]["transform"] = before + config["data"]["transform"]
    config["model"] = _layers({k: v for k, v in config["model"].items() if v is not None})
    return config

# timeout: 900
"""What train, evaluate and predict say to a dataset, a config or a call that they can not use.

Each case runs on 1 and on 3 ranks and must end by itself with one error line that names the place
and the mend, the right exit code, and nothing half-written.
"""
import os

import h5py
import numpy as np

import experiments
import lockstep_test
import refusals


class BadInput(refusals.TestCase):
    # ---- the dataset ----

    def test_missing_dataset(self):
        self.no_training(3, [self.path("d.h5"), "no such file", "hint:", "data.file"])

    def test_not_hdf5(self):
        self.write("d.h5", "a,b\n1,2\n")
        self.no_training(3, [self.path("d.h5"), "not an HDF5 file", "lockstep import"])

    def test_tables_that_are_not_imported(self):
        for name, call in (("t.csv", "csv"), ("t.gct.gz", "gct"), ("t.txt", "tsv")):
            path = self.write(name, "a,b\n1,2\n")
            hint = f"hint: make a dataset of it first: lockstep import {call} {path} "
            self.no_training(3, [path, "not an HDF5 file", hint], "--set", f"data.file={path}",
                             ranks=(1,))
            self.refused(3, [path, hint], "inspect", path, ranks=(0,))

    def test_cut_short(self):
        path = self.dataset(samples=5000)
        os.truncate(path, os.path.getsize(path) // 2)
        self.no_training(3, [path, "damaged or cut short"])

    def test_any_damage(self):
        """A dataset that lockstep has written: wherever a bit turns, it is found or harmless."""
        rows = [f"s{i},{i % 7},{i % 5},{i % 11},{'xyz'[i % 3]}\n" for i in range(60)]
        table = self.write("t.csv", "id,alpha,beta,gamma,label\n" + "".join(rows))
        data = self.path("d.h5")
        self.ok("import", "csv", table, "--id", "id", "--label", "label", "-o", data)
        self.train()
        want = experiments.contents(f"{self.run_dir}/checkpoints/last.h5")
        with open(data, "rb") as f:
            good = f.read()
        values = good.index(np.array([0, 0, 0, 1, 1, 1], "f4").tobytes())  # the first two rows
        names = good.index(b"alpha")
        found = 0
        for place in [*range(values, values + 24), names + 1, *range(0, len(good), 997)]:
            bad = bytearray(good)
            bad[place] ^= 1 << place % 8
            with self.subTest(place=place), open(data, "wb") as f:
                f.write(bad)
                f.flush()
                r = lockstep_test.run("train", self.path("c.yaml"), "--run-dir", self.run_dir,
                                      "--overwrite")
                if r.code == 0 and not values <= place < values + 24 and place != names + 1:
                    got = experiments.contents(f"{self.run_dir}/checkpoints/last.h5")
                    self.assertEqual(got, want)
                else:
                    self.assertEqual((r.code, r.err.count("lockstep: error:")), (3, 1), repr(r))
                    self.assertIn(data, r.err)
                    found += 1
        self.assertGreaterEqual(found, 25)
        bad = bytearray(good)
        bad[values] ^= 1
        self.write("d.h5", bad)
        self.refused(3, [data, "/X", "checksum", "hint: the file is damaged"], "train",
                     self.path("c.yaml"), "--run-dir", self.path("new"))

    def test_wrong_shapes(self):
        x = experiments.matrix(60, 6, 1)
        y = np.arange(60) % 3
        for arrays, says in (
                ({"X": x, "y": y[:50]}, ["/y", "50", "60 samples"]),
                ({"X": x, "y": np.arange(6) % 3}, ["/y", "6", "60 samples", "features_by_samples"]),
                ({"X": x[0], "y": y}, ["/X has 1 dimension", "not 2", "hint:"]),
                ({"X": x.reshape(60, 2, 3), "y": y}, ["/X has 3 dimensions", "not 2", "flattened"]),
                ({"X": x[:0], "y": y[:0]}, ["/X is empty: 0 samples"]),
                ({"X": x, "y": y.reshape(60, 1, 1)}, ["/y has 3 dimensions"]),
                ({"X": x}, ["no targets", "/y", "--label"]),
                ({"y": y}, ["no array /X", "data.x"]),
                ({"X": x, "y": y, "features": ["a"] * 6}, ["/features", "'a'", "unique"])):
            with self.subTest(arrays=[(k, np.shape(v)) for k, v in arrays.items()]):
                path = experiments.write(self.path("d.h5"), arrays)
                self.no_training(3, [path, *says])

    def test_wrong_types(self):
        y = np.arange(60) % 3
        experiments.write(self.path("d.h5"), {"X": np.full((60, 6), "3.5", dtype=object), "y": y})
        self.no_training(3, ["/X holds", "not numbers"])
        experiments.write(self.path("d.h5"), {"X": np.ones((60, 6), "c8"), "y": y})
        self.no_training(3, ["/X holds", "not numbers"])
        experiments.write(self.path("d.h5"), {"X/data": np.ones(60), "X/indptr": y, "y": y})
        self.no_training(3, ["/X is a group, not an array", "dense matrix"])

    def test_float_targets_for_classes(self):
        x, y = experiments.matrix(60, 6, 1), np.arange(60) % 3
        for target, says in (
                (y.astype("f8"), ["holds float targets", "must be stored as integers", "astype('int32')"]),
                (np.eye(3, dtype="f4")[y], ["holds one-hot rows", "y.argmax(axis=1)"]),
                (np.eye(3, dtype="i4")[y], ["holds one-hot rows", "y.argmax(axis=1)"]),
                (y + 0.5, ["holds float targets", "hint: use mse"])):
            experiments.write(self.path("d.h5"), {"X": x, "y": target})
            self.no_training(2, ["softmax_cross_entropy wants classes", *says])

    def test_codes_from_one_on(self):
        path = experiments.write(self.path("d.h5"), {"X": experiments.matrix(60, 6, 1),
                                                     "y": np.arange(60) % 3 + 1})
        self.no_training(3, [path, "/y: class codes start at 0, but the smallest one here is 1",
                             "subtract 1", "/classes"])

    def test_values_that_are_not_finite(self):
        for value, word in ((np.nan, "missing value"), (np.inf, "infinite"), (-np.inf, "infinite")):
            for transform in ([], ["standardize"]):
                with self.subTest(value=value, transform=transform):
                    path = self.dataset(features=[f"g{i}" for i in range(6)])
                    with h5py.File(path, "r+") as f:
                        f["X"][41, 2] = value
                    config = self.config()
                    self.no_training(3, [path, "/X: row 41", "column 2 (g2)", word, "hint:"],
                                     "--set", f"data.transform={transform}", "--set",
                                     "data.split={train: 1.0}", config=config)

    def test_values_that_a_transform_can_not_take(self):
        path = self.dataset()
        with h5py.File(path, "r+") as f:
            f["X"][7, 5] = -3
        self.no_training(3, [path, "row 7", "column 5", "log1p"], "--set", "data.transform=[log1p]",
                         "--set", "data.split={train: 1.0}")

    def test_target_values_that_are_not_finite(self):
        path = experiments.values(self.path("d.h5"), 60, 6, 3)
        with h5py.File(path, "r+") as f:
            f["y"][13, 1] = np.nan
        self.no_training(3, [path, "/y: row 13, column 1", "missing"], "--set", "loss=mse")

    def test_labels_outside_the_classes(self):
        path = self.dataset(classes=["a", "b", "c"])
        for label in (3, -1):
            with h5py.File(path, "r+") as f:
                f["y"][29] = label
            self.no_training(3, [path, f"row 29: label {label} is outside the 3 classes", "hint:"])

    def test_targets_outside_the_loss(self):
        path = experiments.values(self.path("d.h5"), 60, 6, 3, scale=1 / 64)
        with h5py.File(path, "r+") as f:
            f["y"][17, 2] = 1.5
        self.no_training(3, [path, "/y: row 17, column 2", "1.5", "from 0 to 1"], "--set",
                         "loss=binary_cross_entropy")

    def test_repeated_samples(self):
        path = self.dataset(samples=60)
        with h5py.File(path, "r+") as f:
            f["samples"] = [f"s{i % 59}" for i in range(60)]
        self.no_training(3, [path, "/samples", "'s0'", "0 and 59", "unique"])

    def test_empty_split(self):
        self.dataset(samples=9)
        self.no_training(3, ["val is empty", "hint:"], "--set",
                         "data.split={train: 0.97, val: 0.03}")
        self.dataset(split=np.full(60, 1, "u1"))
        self.no_training(3, ["the stored split has no training rows", "hint:"])
        self.dataset(split=np.zeros(60, "u1"))
        self.no_training(3, ["validation part is empty", "val_loss", "hint:"], "--set",
                         "train.early_stopping={}")
        self.dataset(split=np.full(60, 7, "u1"))
        self.no_training(3, ["/split: row 0: 7 is no part", "hint:"])

    def test_arrays_without_data(self):
        """A file of some kB promises any size: it is refused before there is memory for it."""
        large, text = 1 << 36, h5py.string_dtype()
        for name, shape, kind, chunk, says in (  # chunk: one of them is written
                ("X", (large, 6), "f4", None, "/X: holds no data"),
                ("X", (large, 6), "f4", (64, 6), "B are stored for 1.6 TB of values"),
                ("classes", (large,), "S9", None, "/classes: holds no data"),
                ("classes", (large,), "S9", (64,), "B are stored for 618 GB of values"),
                ("features", (large,), text, None, "/features: holds no data"),
                ("y", (60,), "i4", None, "/y: holds no data"),
                ("y", (60, large), "f4", None, "/y: holds no data"),
                ("y", (60, 1 << 56), "u1", (60, 1), "/y: is larger than can be")):
            with self.subTest(name=name, shape=shape, chunk=chunk):
                path = self.dataset(classes=["a", "b", "c"])
                with h5py.File(path, "r+") as f:
                    if name in f:
                        del f[name]
                    if chunk:
                        a = f.create_dataset(name, shape, kind, chunks=chunk, compression=9)
                        a[tuple(slice(n) for n in chunk)] = np.zeros(chunk, kind)
                    else:
                        f.create_dataset(name, shape, kind)
                self.no_training(3, [path, says], ranks=(1,))

    def test_arrays_in_other_files(self):
        path = self.dataset()
        os.rename(path, self.path("other.h5"))
        layout = h5py.VirtualLayout(shape=(60, 6), dtype="f4")
        layout[:] = h5py.VirtualSource(self.path("other.h5"), "X", shape=(60, 6))
        np.ones((60, 6), "f4").tofile(self.path("raw"))
        for external in (False, True):
            with h5py.File(path, "w", libver="latest") as f:
                f["y"] = np.arange(60) % 3
                if external:
                    f.create_dataset("X", (60, 6), "f4", external=[(self.path("raw"), 0, 1440)])
                else:
                    f.create_virtual_dataset("X", layout)
            self.no_training(3, [path, "/X: its values are in other files", "hint:"])

    def test_packed_arrays(self):
        """As tightly as deflate can: still data."""
        with h5py.File(self.path("d.h5"), "w") as f:
            f.create_dataset("X", data=np.zeros((1 << 18, 64), "f4"), chunks=(1 << 18, 64),
                             compression=9)
            f.create_dataset("y", data=np.arange(1 << 18) // 100000, compression=9, chunks=(1 << 18,))
        self.ok("train", self.config(), "--run-dir", self.run_dir, "--dry-run")

    # ---- the config ----

    def test_no_config(self):
        data = self.dataset()
        self.no_training(2, [data, "0 byte", "hint:", "data.file"], config=data)
        with open(data, "r+b") as f:
            f.truncate(1 << 33)
        self.no_training(2, [data, "larger than 16 MiB", "hint:", "data.file"], config=data)
        self.no_training(2, ["/dev/zero: not a regular file", "hint:"], config="/dev/zero")

    def test_config_text(self):
        self.dataset()
        good = ("name: n\ndata: {file: d.h5}\nmodel:\n  - dense: {units: 3}\n"
                "loss: softmax_cross_entropy\n")
        for text, says in (
                ("seeed: 3\n", [":6:1: unknown key 'seeed'", "did you mean 'seed'?"]),
                ("train:\n  epocs: 3\n", [":7:3: unknown key 'epocs' in train", "'epochs'"]),
                ("optimizer:\n  adam:\n    lrate: 1\n", [":8:5:", "'lrate'", "the keys here: lr, beta1"]),
                ("optimizer: adm\n", [":6:12:", "'adm'", "'adam'"]),
                ("train:\n  epochs: many\n", [":7:11:", "train.epochs", "whole number", "'many'"]),
                ("train: 3\n", [":6:8:", "train"]),
                ("train: {epochs: 0}\n", [":6:17:", "train.epochs", "0 is out of bounds", "1"]),
                ("batch: {size: 1.5}\n", [":6:15:", "batch.size", "whole number"]),
                ("optimizer: {adam: {beta1: 1}}\n", [":6:27:", "beta1", "out of bounds", "1"]),
                ("optimizer: {adam: {eps: 1.0e-46}}\n", [":6:25:", "out of bounds", "1e-37"]),
                ("optimizer: {sgd: {lr: -0.1}}\n", [":6:23:", "-0.1", "out of bounds"]),
                ("optimizer: {adam: {lr: .nan}}\n", [":6:24:", "optimizer.adam.lr"]),
                ("seed: 4294967296\n", [":6:7:", "out of bounds"]),
                ("seed: 1\nseed: 2\n", [":7:1:", "seed"]),
                ("train: {epochs: [}\n", [":6:"]),
                ("batch:\n\tsize: 1\n", [":7:"]),
                ("batch: {size: 10, lanes: 4}\n", ["10 is not divisible by batch.lanes: 4",
                                                   "hint:"])):
            with self.subTest(text=text):
                config = self.write("c.yaml", good + text)
                self.no_training(2, [config, *says], config=config)

    def test_config_that_is_not_utf8(self):
        """What the config of a run holds could not be read back from its checkpoints."""
        for name in (b"caf\xe9", b"\xc0\xaf", b"\xed\xa0\x80"):
            directory = os.path.join(os.fsencode(self.dir), name.replace(b"/", b"_"))
            os.mkdir(directory)
            os.rename(self.dataset(), os.path.join(directory, b"d.h5"))
            config = os.path.join(directory, b"c.yaml")
            os.rename(self.config(), config)
            escaped = f"(\\x{name.strip(b'caf')[0]:02x}) is not UTF-8"
            self.no_training(2, ["data.file: byte", escaped, "hint:"], config=os.fsdecode(config))
        self.dataset()
        self.no_training(2, ["--set name=", "UTF-8"], "--set", os.fsdecode(b"name=caf\xe9"))

    def test_config_without_what_it_needs(self):
        self.dataset()
        for text, says in (("", "c.yaml"), ("- 1\n", "c.yaml:1:1"), ("data: {}\n", "data.file"),
                           ("data: {file: d.h5}\n", "model"),
                           ("data: {file: d.h5}\nmodel: []\nloss: mse\n", "no layers"),
                           ("data: {file: d.h5}\nmodel: [relu]\nloss: mse\n",
                            "no layer has anything to train")):
            with self.subTest(text=text):
                self.no_training(2, [says], config=self.write("c.yaml", text))
        self.no_training(2, ["absent.yaml", "no such file"], config=self.path("absent.yaml"))

    def test_model_against_data(self):
        self.dataset()
        self.no_training(2, ["it has 4 outputs", "3 classes needs 3", "units to 3"],
                         config=self.config(model=[experiments.dense(4)]))
        self.no_training(2, ["mse", "classes", "softmax_cross_entropy"],
                         config=self.config(loss="mse"))
        self.no_training(2, ["binary_cross_entropy", "3 classes", "softmax_cross_entropy"],
                         config=self.config(loss="binary_cross_entropy"))
        self.no_training(2, ["select", "7", "6"], "--set", "data.transform=[{select: 7}]")
        self.no_training(2, ["stats", "no metric of this run", "val_accuracy"], "--set",
                         "train.early_stopping={monitor: stats}")
        self.no_training(2, ["did you mean 'val_accuracy'"], "--set",
                         "train.early_stopping={monitor: val_acuracy}")
        self.no_training(2, ["did you mean 'val_auc' or 'val_auc_weighted'"], "--set",
                         "train.early_stopping={monitor: auc}")
        self.no_training(2, ["train_auc", "no metric of this run"], "--set",
                         "train.early_stopping={monitor: train_auc}")
        self.no_training(2, ["donors", "--group"], "--set", "data.split={group: donors}")
        experiments.values(self.path("d.h5"), 60, 6, 2)
        self.no_training(2, ["it has 3 outputs", "2 targets", "units to 2"],
                         config=self.config(loss="mse"))
        self.no_training(2, ["softmax_cross_entropy", "float targets", "mse"])
        self.no_training(2, ["stratify", "no classes"], "--set",
                         "data.split={stratify: true, val: 0.1}", config=self.config(loss="mse"))

    def test_last_layer_against_loss(self):
        self.dataset()
        for last, loss, says in (
                ("softmax", "binary_cross_entropy",
                 ["model.1: softmax gives numbers from 0 to 1, but binary_cross_entropy takes logits",
                  "write sigmoid in its place", "use loss: softmax_cross_entropy"]),
                ("sigmoid", "softmax_cross_entropy", ["model.1: sigmoid", "write softmax in its place"]),
                ("relu", "softmax_cross_entropy", ["model.1: relu gives numbers from 0 on",
                                                   "leave relu out"]),
                ("relu", "binary_cross_entropy", ["model.1: relu", "leave relu out"])):
            with self.subTest(last=last, loss=loss):
                self.no_training(2, says, config=self.config(model=[experiments.dense(3), last],
                                                             loss=loss))
        self.no_training(2, ["model.1: softmax", "the loss does it by itself"], config=self.config(
            model=[experiments.dense(3), "softmax", "softmax"]))
        experiments.values(self.path("d.h5"), 60, 6, 3)
        for last in ("softmax", "sigmoid", "relu"):
            self.no_training(2, [f"model.1: {last}", "takes the logarithm of the mean"],
                             config=self.config(model=[experiments.dense(3), last],
                                                loss="poisson_nll"))
        for last in ("sigmoid", "tanh", "relu", "softmax"):
            self.train("--overwrite", config=self.config(model=[experiments.dense(3), last],
                                                         loss="mse"))

    def test_initial_values_that_do_not_fit(self):
        self.dataset()
        model = [experiments.dense(3, init={"values": [1, 2, 3]})]
        self.no_training(2, ["weight", "3 values are given, 18 are needed"],
                         config=self.config(model=model))

    def test_ranks_and_lanes(self):
        self.dataset()
        self.no_training(2, ["3 ranks are more than the 2 lanes", "at most 2 ranks",
                             "batch.lanes"], "--set", "batch.lanes=2", ranks=(3,))
        self.no_training(2, ["batch.size: 12 is not divisible by batch.lanes: 5", "multiple"],
                         "--set", "batch.lanes=5")
        self.no_training(2, ["drop leaves no step", "keep"], "--set",
                         "batch={size: 64, last: drop}")

    def test_usage(self):
        self.dataset()
        config = self.config()
        self.no_training(2, ["exclude each other"], "--resume", "--overwrite")
        self.no_training(2, ["--resum", "did you mean '--resume'?"], "--resum")
        self.no_training(2, ["--set", "key=value"], "--set", "seed")
        self.no_training(2, ["model.7"], "--set", "model.7.dense.units=3")
        self.refused(2, ["CONFIG is missing"], "train")
        self.refused(2, ["unexpected argument 'more'"], "train", config, "more")
        self.refused(2, ["RUN or CHECKPOINT is missing"], "evaluate")
        self.refused(2, ["--data", "missing"], "predict", "run")
        self.refused(2, ["-o", "missing"], "predict", "run", "--data", "x.h5")
        self.refused(2, ["must end in .h5 or .csv"], "predict", "run", "--data", "x.h5", "-o",
                     self.path("p.txt"))
        self.refused(2, ["--split", "'dev'", "train, val, test, all"], "evaluate", "run",
                     "--split", "dev")


if __name__ == "__main__":
    lockstep_test.main()

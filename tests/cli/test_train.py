"""The contract of lockstep train: the run directory's files, --set, --dry-run, paths, and what
goes to which stream."""
import glob
import json
import os
import re
import signal
import subprocess
import time

import h5py

import experiments
import lockstep_test
from experiments import dense
from small_runs import TestCase


class Files(TestCase):
    def test_run_directory(self):
        config = self.small()
        r = self.train(config, ranks=2)
        self.assertEqual(r.out, "")
        found = sorted(os.path.relpath(os.path.join(d, f), self.path("run"))
                       for d, _, names in os.walk(self.path("run")) for f in names)
        self.assertEqual(found, ["checkpoints/best.h5", "checkpoints/last.h5",
                                 "checkpoints/step-0000000010.h5", "config.yaml", "log.txt",
                                 "metrics.jsonl", "provenance.json"])

    def test_config_is_complete_and_gives_the_same_run(self):
        for name in experiments.EXPERIMENTS:
            with self.subTest(experiment=name):
                self.train(experiments.make(self.dir, name), run_dir=name)
                self.train(self.path(name, "config.yaml"), run_dir=f"{name}-again",
                           cwd="/")
                self.assertEqual(self.text(name, "config.yaml"),
                                 self.text(f"{name}-again", "config.yaml"))
                self.assertEqual(*(experiments.contents(self.path(d, "checkpoints", "last.h5"))
                                   for d in (name, f"{name}-again")))
        text = self.text("classes", "config.yaml")
        for line in ("seed: 3", "lanes: 8", "shuffle_window: 50", "block_rows: 32",
                     f"file: {self.path('classes.h5')}", "beta2: 0.999", "patience: 5"):
            self.assertIn(line, text)

    def test_metrics(self):
        self.train(self.small())
        lines = [json.loads(line) for line in self.text("run", "metrics.jsonl").splitlines()]
        self.assertEqual([line["epoch"] for line in lines], [1, 2, 3])
        self.assertEqual([line["step"] for line in lines], [5, 10, 15])
        for line in lines:
            self.assertEqual(sorted(line), sorted([
                "epoch", "step", "train_loss", "train_accuracy", "val_loss", "val_accuracy",
                "val_balanced_accuracy", "val_f1_macro", "lr", "layers", "overfitting", "best",
                "seconds", "samples_per_s", "steps_s", "wait_s"]))
            self.assertEqual(line["lr"], 0.001)
            self.assertGreater(line["seconds"], 0)
            self.assertGreater(line["samples_per_s"], 0)
            self.assertTrue(0 <= line["wait_s"] < line["steps_s"] < line["seconds"], line)

    def test_metrics_of_values(self):
        experiments.values(self.path("d.h5"), 90, 6, 2)
        config = experiments.write_config(self.path("c.yaml"), {
            "data": {"file": "d.h5", "split": {"val": 0.5}}, "model": [dense(2)], "loss": "mse",
            "train": {"epochs": 1}})
        self.train(config)
        line, = experiments.metrics(self.path("run"))
        self.assertEqual(sorted(line), sorted(["epoch", "step", "train_loss", "val_loss", "val_mse",
                                               "val_mae", "val_r2", "val_rmse", "lr", "layers",
                                               "overfitting", "best"]))
        self.train(config, "--overwrite", "--set", "data.split={train: 1}")
        line, = experiments.metrics(self.path("run"))
        self.assertEqual(sorted(line), ["best", "epoch", "layers", "lr", "step", "train_loss"])

    def test_train_loss_of_a_run_that_learns_nothing(self):
        """With a learning rate of 0 every row counts once: the training loss is evaluate's."""
        config = self.small(optimizer={"sgd": {"lr": 0}}, batch={"size": 35, "lanes": 5})
        self.train(config, ranks=3)
        r = self.ok("evaluate", self.path("run"), "--split", "train", "--json")
        evaluated = json.loads(r.out)
        for line in experiments.metrics(self.path("run")):
            # Nine digits are printed; sums of float64 in two orders.
            self.assertAlmostEqual(line["train_loss"], evaluated["loss"], delta=1e-8)
            self.assertAlmostEqual(line["train_accuracy"], evaluated["accuracy"], delta=1e-8)

    def test_provenance(self):
        config = self.small()
        args = ["--set", "train.epochs=1"]
        self.train(config, *args, ranks=2, threads=2)
        self.train(config, "--resume", ranks=3, threads=1)
        starts = json.loads(self.text("run", "provenance.json"))["starts"]
        self.assertEqual([(s["ranks"], s["threads"]) for s in starts], [(2, 2), (3, 1)])
        self.assertEqual(starts[0]["command"][-2:], args)
        self.assertNotIn("resumed_from", starts[0])
        self.assertEqual(starts[1]["resumed_from"], self.path("run", "checkpoints", "last.h5"))
        self.assertEqual(starts[1]["at_step"], 5)
        data = starts[0]["dataset"]
        self.assertEqual((data["file"], data["samples"], data["features"]),
                         (self.path("d.h5"), 90, 6))
        self.assertRegex(data["xxh3_128"], "^[0-9a-f]{32}$")
        for key in ("time", "host", "cpu", "lockstep", "commit", "compiler", "mpi", "hdf5", "blas"):
            self.assertTrue(starts[0][key], key)
        # The checkpoint holds the same record.
        with h5py.File(self.path("run", "checkpoints", "last.h5"), "r") as f:
            self.assertEqual(json.loads(f["provenance"].asstr()[()])["starts"], starts)

    def test_log(self):
        r = self.train(self.small())
        log = self.text("run", "log.txt")
        for text in ("val_accuracy", "run directory:", "trained 3 epochs"):
            self.assertIn(text, log)
            self.assertIn(text, r.err)
        self.assertRegex(log, r"(?m)^\S+T\S+Z .* 3 +\d")

    def test_log_holds_all_that_was_said(self):
        self.train(self.small(data={"block_rows": 32}))  # a warning before the file is there
        self.assertRegex(self.text("run", "log.txt"), r"(?m)^\S+Z warning: 2 of 4 lanes have no rows")
        config = self.small(name="high.yaml", optimizer={"sgd": {"lr": 1e6}}, loss="mse",
                            data={"y": "/X"}, model=[dense(6)])
        self.fails(4, "train", config, "--run-dir", self.path("run"), "--overwrite")
        log = self.text("run", "log.txt")
        self.assertRegex(log, r"(?m)^\S+Z error: epoch \d+.*\n\S+Z hint: lower the learning rate")

    def test_a_divergence_in_the_first_epoch_leaves_no_checkpoints_to_speak_of(self):
        config = self.small(optimizer={"sgd": {"lr": 1e6}}, loss="mse", batch={"size": 2},
                            data={"y": "/X"}, model=[dense(6)])
        r = lockstep_test.run("train", config, "--run-dir", self.path("run"))
        self.assertEqual(r.code, 4, repr(r))
        self.assertIn("epoch 1", r.err)
        self.assertNotIn("checkpoints", r.err)

    def test_stderr_may_be_closed_before_the_end(self):
        """As under `| tee` when Ctrl-C ends tee first."""
        config = self.small(train={"epochs": 1000000})
        p = subprocess.Popen([lockstep_test.LOCKSTEP, "train", config, "--run-dir",
                              self.path("run")], stderr=subprocess.PIPE)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        while not os.path.exists(self.path("run", "checkpoints", "last.h5")):
            self.assertIsNone(p.poll())
            time.sleep(0.05)
        p.stderr.close()
        time.sleep(0.3)  # some epochs' lines find nobody
        p.send_signal(signal.SIGINT)
        self.assertEqual(p.wait(60), 75)
        self.assertIn("stopped early", self.text("run", "log.txt"))

    def test_set_below_a_short_form(self):
        config = self.small(model=[{"dense": 8}, dense(3)], optimizer={"sgd": 0.25})
        self.train(config, "--set", "model.0.dense.bias=false", "--set",
                   "optimizer.sgd.momentum=0.5")
        text = self.text("run", "config.yaml")
        for line in ("units: 8", "bias: false", "lr: 0.25", "momentum: 0.5"):
            self.assertIn(line, text)
        r = self.train(config, "--dry-run", "--set", "model.0.dense.units=16")
        self.assertIn("6 -> 16", r.out)
        for key, hint in (("adam.lr", "--set optimizer='{adam: {lr: 1}}'"),
                          ("lr", "--set optimizer.sgd.lr=1")):
            self.fails(2, "train", config, "--set", f"optimizer.{key}=1",
                       says=[f"error: --set optimizer.{key}=1: optimizer is sgd here", hint])

    def test_groups_without_a_split_by_group(self):
        groups = [f"donor {i // 2}" for i in range(90)]
        config = self.small()
        with h5py.File(self.path("d.h5"), "r+") as f:
            f["groups"] = groups
        warning = "set data.split.group to groups"
        self.assertNotIn(warning, self.train(config, "--dry-run").err)  # the stored split
        for args in (["--dry-run"], []):
            r = self.train(config, "--set", "data.split={val: 0.2}", *args)
            self.assertIn("warning: " + self.path("d.h5") + ": its rows belong to 45 groups", r.err)
            self.assertIn(warning, r.err)
        r = self.train(config, "--dry-run", "--set", "data.split={val: 0.2, group: groups}")
        self.assertNotIn(warning, r.err)

    def test_a_single_class(self):
        config = self.small(model=[dense(1)])
        with h5py.File(self.path("d.h5"), "r+") as f:
            f["y"][:] = 0
        self.assertIn("warning: " + self.path("d.h5") + ": all rows are of one class (0)",
                      self.train(config, "--dry-run").err)

    def test_inspect(self):
        self.train(self.small())
        run, best = self.path("run"), self.path("run", "checkpoints", "best.h5")
        facts = json.loads(self.ok("inspect", run, "--json", ranks=3).out)
        self.assertEqual(facts["checkpoint"], best)
        self.assertEqual((facts["features"], facts["classes"]), (6, ["0", "1", "2"]))
        self.assertEqual(facts["parameters"]["count"], 21)
        self.assertEqual([(a["name"], a["shape"]) for a in facts["parameters"]["arrays"]],
                         [("0_dense/weight", [3, 6]), ("0_dense/bias", [3])])
        hash_ = self.ok("inspect", run, "--hash").out
        self.assertRegex(hash_, "^[0-9a-f]{32}\n$")
        self.assertEqual(hash_, facts["hash"] + "\n")
        self.assertIn("21 parameters", self.ok("inspect", best).out)
        # The hash is of the weights in the order of the model, not of anything else.
        with experiments.edit_checkpoint(best) as f:
            f["state"].attrs["seconds"] = 7.0
        self.assertEqual(self.ok("inspect", run, "--hash").out, hash_)


class Calls(TestCase):
    def test_inspect_keeps_names_that_are_not_utf8(self):
        config = self.small()
        with h5py.File(self.path("d.h5"), "r+") as f:
            f["classes"] = [b"f\xfcr", b"a", b"b\xff"]
        self.train(config)
        found = json.loads(self.ok("inspect", self.path("run"), "--json").out)
        self.assertEqual(found["classes"], ["f\\xfcr", "a", "b\\xff"])

    def test_set(self):
        config = self.small()
        self.train(config, "--set", "model.0.dense.bias=false", "--set", "seed=1", "--set=seed=2",
                   "--set", "optimizer={sgd: {lr: 0.5}}", "--set", "data.transform=[log1p, center]",
                   "--set", "train.early_stopping.patience=7", "--set", "name='a b'")
        text = self.text("run", "config.yaml")
        for part in ("bias: false", "seed: 2", "lr: 0.5", "- log1p", "- center", "patience: 7",
                     "name: a b"):
            self.assertIn(part, text)

    def test_paths(self):
        """In a config relative to it, in --set and on the command line to the working folder."""
        config = self.small()
        os.mkdir(self.path("elsewhere"))
        experiments.classes(self.path("elsewhere", "e.h5"), 90, 6, 3)
        self.ok("train", config, "--set", "name=one", cwd=self.path("elsewhere"))
        self.assertTrue(os.path.exists(self.path("elsewhere", "runs", "one", "config.yaml")))
        self.assertIn(f"file: {self.path('d.h5')}", self.text("elsewhere", "runs", "one",
                                                              "config.yaml"))
        self.ok("train", "../c.yaml", "--set", "data.file=e.h5", "--run-dir", "two/deep",
                cwd=self.path("elsewhere"))
        self.assertIn(f"file: {self.path('elsewhere', 'e.h5')}",
                      self.text("elsewhere", "two", "deep", "config.yaml"))
        # A run is applied from anywhere.
        self.ok("evaluate", self.path("elsewhere", "two", "deep"), cwd="/")

    def test_dry_run(self):
        config = self.small(model=[dense(50), "relu", dense(3)])
        before = sorted(os.listdir(self.dir))
        for ranks in (1, 3):
            r = self.train(config, "--dry-run", ranks=ranks)
            for text in ("90 samples x 6 features, 3 classes", "train 60, val 30, test 0",
                         "503", "12 rows in 4 lanes of 3", f"rank {ranks - 1}: lanes", "memory",
                         "traffic", "steps"):
                self.assertIn(text, r.out)
            rows = [int(n) for n in re.findall(r"rank \d+: lanes \d to \d, (\d+) rows", r.out)]
            self.assertEqual((len(rows), sum(rows)), (ranks, 60))
        self.assertEqual(sorted(os.listdir(self.dir)), before)
        self.train(config)
        times = {f: os.stat(f).st_mtime_ns
                 for f in glob.glob(self.path("run", "**"), recursive=True)}
        self.train(config, "--dry-run")
        self.assertEqual(times, {f: os.stat(f).st_mtime_ns
                                 for f in glob.glob(self.path("run", "**"), recursive=True)})

    def test_dry_run_predicts_a_step(self):
        config = self.small(model=[dense(50), "relu", dense(3)])
        for ranks in (1, 2):
            for strategy in ("data", "features"):
                with self.subTest(ranks=ranks, strategy=strategy):
                    out = self.train(config, "--dry-run", "--set", f"parallel.strategy={strategy}",
                                     ranks=ranks).out
                    number = r"([0-9.e+-]+)"
                    speed = re.search(f"^speed +products {number} GFLOP/s, memory {number} GB/s",
                                      out, re.M)
                    self.assertTrue(all(float(n) > 0 for n in speed.groups()), out)
                    times = re.search(f"^prediction +{number} ms a step: products {number}, memory "
                                      f"{number}, exchange {number}$", out, re.M)
                    step, *parts = map(float, times.groups())
                    self.assertAlmostEqual(sum(parts) / step, 1, delta=0.02)
                    self.assertEqual(parts[2] > 0, ranks > 1)
                    self.assertRegex(out, "(?m)^ +[0-9,]+ samples/s, .* an epoch")

    def test_dry_run_tells_why_the_strategy(self):
        config = self.small(model=[dense(50), "relu", dense(3)])
        wide = self.small("w.yaml", model=[dense(2), "relu", dense(3)])
        experiments.classes(self.path("wide.h5"), 90, 8192, 3)
        file = "data.file=" + self.path("wide.h5")
        for says, args in (
                ("data: 6 inputs are less than 8,192", (config,)),
                ("features: as asked for; auto would take data: 6 inputs are less than 8,192",
                 (config, "--set", "parallel.strategy=features")),
                ("data: no dense layer stands behind nothing but elementwise ones",
                 (config, "--set", "model=[softmax, dense: 3]")),
                ("features: with 8,192 inputs the first layer's weights are more to send",
                 (wide, "--set", file)),
                ("data: as asked for; auto would take features: with 8,192 inputs",
                 (wide, "--set", file, "--set", "parallel.strategy=data")),
                ("data: 8,192 inputs are less than 4 times the 2,052 rows of a batch",
                 (wide, "--set", file, "--set", "batch.size=2052")),
                ("data: 64 lanes are more than the 32 blocks of columns",
                 (wide, "--set", file, "--set", "batch={size: 64, lanes: 64}"))):
            with self.subTest(says=says):
                out = self.train(*args, "--dry-run").out
                self.assertIn("\nstrategy    " + says, out)

    def test_lanes_without_rows_are_told(self):
        r = self.train(self.small(data={"block_rows": 32}), "--dry-run")
        self.assertIn("warning: 2 of 4 lanes have no rows, so a step has at most 6 rows, not the "
                      "12 of batch.size: set data.block_rows to at most 15", r.err)
        r = self.train(self.small(data={"block_rows": 32}, batch={"size": 64, "lanes": 4}),
                       "--dry-run")  # fewer rows than a batch
        self.assertIn("warning: 2 of 4 lanes have no rows, so a step has at most 32 rows", r.err)
        r = self.train(self.small(samples=6, batch={"size": 64, "lanes": 8}), "--dry-run")
        self.assertIn("set batch.lanes to at most 6", r.err)
        self.assertNotIn("lanes have no rows", self.train(self.small(), "--dry-run").err)

    def test_steps_of_a_dry_run_are_those_of_the_run(self):
        for name in experiments.EXPERIMENTS:
            with self.subTest(experiment=name):
                config = experiments.make(self.dir, name)
                plan = self.train(config, "--dry-run", run_dir=name).out
                told = re.findall(r"^(?:steps|updates) +(\d+) an epoch", plan, re.M)
                self.train(config, run_dir=name)
                self.assertEqual(experiments.metrics(self.path(name))[0]["step"], int(told[-1]))

    def test_help(self):
        for args in (["--help"], ["--version"], ["train", "--help"], ["evaluate", "--help"],
                     ["predict", "--help"], ["inspect", "--help"], ["train", "--help-config"],
                     ["train", "--help-config", "--markdown"]):
            r = self.ok(*args)
            self.assertGreater(len(r.out), 100, args)
            self.assertEqual(r.err, "")
        self.assertEqual(self.ok("train", "--help-config", ranks=2).out,
                         self.ok("train", "--help-config").out)

    def test_usage_errors(self):
        r = lockstep_test.run()
        self.assertEqual((r.code, r.out), (2, ""))
        self.assertIn("usage:", r.err)
        self.fails(2, "trian", ranks=(1, 3), says=["unknown command 'trian'", "'train'"])
        self.fails(2, "evaluate", "a", "b", ranks=(1, 3), says="unexpected argument 'b'")

    def test_json_is_all_on_stdout(self):
        self.train(self.small())
        for ranks in (0, 3):
            r = self.ok("evaluate", self.path("run"), "--json", ranks=ranks)
            self.assertEqual(json.loads(r.out)["split"], "val")
            self.assertNotIn("{", r.err)


class Configs(TestCase):
    def test_every_config_trains(self):
        """Each example trains an epoch on a small dataset with as many classes as it has
        outputs."""
        configs = sorted(glob.glob(os.path.join(lockstep_test.SOURCE, "configs", "*.yaml")))
        self.assertGreater(len(configs), 1)
        for config in configs:
            with self.subTest(config=os.path.basename(config)):
                with open(config, encoding="utf-8") as f:
                    units = re.findall(r"^ *- dense: .*units: (\d+)", f.read(), re.M)
                n = int(units[-1])
                data = experiments.classes(self.path("d.h5"), 20 * n, 40, n, {
                    "groups": [f"donor{i // 7}" for i in range(20 * n)]})
                self.train(config, "--set", f"data.file={data}", "--set", "train.epochs=1",
                           "--overwrite", ranks=2)
                self.assertEqual(self.state("last.h5")["epoch"], 1)


if __name__ == "__main__":
    lockstep_test.main()

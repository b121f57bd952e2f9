# processors: 2
# timeout: 300
"""Learning-rate schedules in whole runs: what is told, refused and resumed.

Their numbers are tests/parity's, that they are the same however a run is cut test_matrix.py's."""
import os
import signal
import subprocess
import time

import h5py

import experiments
import lockstep_test
import small_runs

# The first epoch is the best of its kind, every other one brings a reduction.
RESTLESS = {"plateau": {"factor": 0.99, "patience": 0, "min_delta": 1000}}


class TestCase(small_runs.TestCase):
    def rates(self, run_dir="run"):
        return [line["lr"] for line in experiments.metrics(self.path(run_dir))]


class Told(TestCase):
    def test_only_a_schedule_has_its_column(self):
        for changes, has in (({}, False), ({"schedule": "constant"}, False),
                             ({"schedule": {"step": 1}}, True), ({"warmup": {"steps": 2}}, True)):
            with self.subTest(**changes):
                r = self.train(self.small(optimizer={"sgd": 0.5}, **changes), "--overwrite")
                header = next(line for line in r.err.splitlines() if "train_loss" in line).split()
                self.assertEqual("lr" in header, has)
                table = [dict(zip(header, line.split())) for line in r.err.splitlines()
                         if line[:6].strip().isdigit()]
                self.assertEqual(len(table), 3)
                for row, rate in zip(table, self.rates()):
                    self.assertEqual(float(row.get("lr", rate)), float(f"{rate:.3g}"))
        self.assertEqual(self.rates(), [0.5, 0.5, 0.5])

    def test_the_last_update_of_an_epoch_counts(self):
        """Five steps an epoch."""
        self.train(self.small(optimizer={"sgd": 1}, schedule={"inverse_time": 1}), ranks=2)
        for epoch, rate in enumerate(self.rates()):
            self.assertAlmostEqual(rate, 1 / (1 + 5 * epoch + 4), places=8)

    def test_a_rate_of_nothing(self):
        for schedule in ("one_cycle", {"plateau": {"patience": 0, "min_lr": 0.1}}, {"step": 1}):
            for optimizer in ("sgd", "adagrad", "rmsprop", "adam"):
                with self.subTest(schedule=schedule, optimizer=optimizer):
                    config = self.small(optimizer={optimizer: {"lr": 0}}, schedule=schedule)
                    self.train(config, "--overwrite")
                    self.assertEqual(self.rates(), [0, 0, 0])

    def test_a_plan_is_made(self):
        config = self.small(schedule="one_cycle", warmup={"epochs": 0.5},
                            optimizer={"rmsprop": {"centered": True}})
        for ranks in (0, 2):
            r = self.ok("train", config, "--dry-run", ranks=ranks)
            self.assertIn("prediction", r.out)


class Refused(TestCase):
    def test_what_does_not_go_together(self):
        for changes, says in (
                ({"warmup": {"from": 0.5}}, "warmup: it has no length"),
                ({"warmup": {"steps": 3, "epochs": 1}}, "warmup: steps and epochs are given"),
                ({"optimizer": {"sgd": {"nesterov": True}}}, "there is no momentum"),
                ({"schedule": {"step": {}}}, "schedule.step.every is missing"),
                ({"schedule": {"cosine": {"multiplier": 0.5}}}, "schedule.cosine.multiplier"),
                ({"schedule": {"plateau": {"monitor": "val_lss"}}},
                 "schedule.plateau.monitor: 'val_lss' is no metric of this run"),
                ({"schedule": {"plateau": {"monitor": ""}}},
                 "schedule.plateau.monitor: '' is no metric of this run")):
            with self.subTest(says):
                self.fails(2, "train", self.small(**changes), "--run-dir", self.path("run"),
                           says=says, ranks=(0, 2))

    def test_nothing_to_watch(self):
        config = self.small(schedule="plateau", data={"split": {"train": 1}})
        self.fails(3, "train", config, "--run-dir", self.path("run"), ranks=(0, 2),
                   says="the validation part is empty, but schedule.plateau watches val_loss")
        self.train(config, "--set", "schedule.plateau.monitor=train_loss")

    def test_another_length(self):
        """Where the schedule depends on it, a resumed run has the length it began with."""
        for schedule, depends in (("one_cycle", True), ("cosine", True), ("polynomial", True),
                                  ({"cosine": {"epochs": 2}}, False),
                                  ({"polynomial": {"epochs": 4}}, False),
                                  ({"exponential": 0.5}, False), ("plateau", False)):
            with self.subTest(schedule=schedule):
                config = self.small(schedule=schedule, train={"epochs": 2})
                self.train(config, "--overwrite")
                longer = ("--resume", "--set", "train.epochs=4")
                if depends:
                    self.fails(2, "train", config, "--run-dir", self.path("run"), *longer,
                               ranks=(0, 2), says=("train.epochs differs from the run that is "
                                                   "resumed", "set train.epochs to 2 again"))
                else:
                    self.train(config, *longer)
                    self.train(config, "--set", "train.epochs=4", "--overwrite",
                               run_dir="straight")
                    self.assertEqual(self.weights("last.h5"), self.weights("last.h5", "straight"))
                    self.assertEqual(self.rates(), self.rates("straight"))


class Resumed(TestCase):
    def test_plateau_survives_kills(self):
        """kill -9 again and again: what the schedule knows is in every checkpoint."""
        config = self.small(schedule=RESTLESS, optimizer={"sgd": {"lr": 0.1, "momentum": 0.9}},
                            checkpoint={"every_steps": 2}, train={"epochs": 1000000})
        kills = 0
        for _ in range(4):
            before = self.epochs_done()
            with subprocess.Popen([lockstep_test.LOCKSTEP, "train", config, "--run-dir",
                                   self.path("run"), "--resume"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                end = time.monotonic() + 30
                while self.epochs_done() < before + 3 and time.monotonic() < end:
                    time.sleep(0.01)
                process.send_signal(signal.SIGKILL)
                kills += process.wait() == -signal.SIGKILL
        self.assertEqual(kills, 4)
        epochs = self.epochs_done() + 3
        self.train(config, "--resume", "--set", f"train.epochs={epochs}", ranks=3)
        self.train(config, "--set", f"train.epochs={epochs}", run_dir="straight")
        self.assertEqual(self.weights("last.h5"), self.weights("last.h5", "straight"))
        state, straight = self.state("last.h5"), self.state("last.h5", "straight")
        self.assertEqual({**state, "seconds": 0}, {**straight, "seconds": 0})
        self.assertEqual(state["schedule_reductions"], epochs - 1)
        for epoch, rate in enumerate(self.rates()):
            self.assertAlmostEqual(rate / (0.1 * 0.99 ** max(epoch - 1, 0)), 1, places=7)
        self.assertEqual(self.rates(), self.rates("straight"))

    def epochs_done(self):
        path = self.path("run", "metrics.jsonl")
        return len(self.text("run", "metrics.jsonl").splitlines()) if os.path.exists(path) else 0

    def test_checkpoint_of_before_there_were_schedules(self):
        config = self.small(optimizer={"sgd": 0.1})
        self.train(config, "--set", "train.epochs=2")
        self.train(config, run_dir="straight")
        with experiments.edit_checkpoint(self.path("run", "checkpoints", "last.h5")) as f:
            for name in [n for n in f["state"].attrs if n.startswith("schedule_")]:
                del f["state"].attrs[name]
            # Plain sgd kept what only momentum needs.
            for name in ("weight", "bias"):
                f[f"optimizer/momentum/0_dense/{name}"] = f[f"model/0_dense/{name}"][...]
        self.train(config, "--resume", ranks=2)
        self.assertEqual(self.weights("last.h5"), self.weights("last.h5", "straight"))

    def test_only_what_is_needed_is_stored(self):
        for optimizer, slots in (("sgd", []), ({"sgd": {"momentum": 0.5}}, ["momentum"]),
                                 ("rmsprop", ["squares"]),
                                 ({"rmsprop": {"centered": True, "momentum": 0.1}},
                                  ["mean", "momentum", "squares"])):
            self.train(self.small(optimizer=optimizer), "--overwrite", ranks=2)
            with h5py.File(self.path("run", "checkpoints", "last.h5"), "r") as f:
                self.assertEqual(sorted(f.get("optimizer", {})), slots)


if __name__ == "__main__":
    lockstep_test.main()

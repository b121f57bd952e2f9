"""lockstep bench step and scale: figures that fit each other, whatever they are; nothing that was made
up stays. No time is judged."""
# processors: 2
import glob
import os
import signal
import subprocess
import time

import experiments
import lockstep_test
from bench_runs import TestCase


class Steps(TestCase):
    SHAPE = ("--rows", 24, "--in", 50, "--units", 12, "--units", 5)

    def temporary(self):
        """An environment whose temporary files can be counted: none must stay."""
        os.makedirs(self.path("tmp"), exist_ok=True)
        return {"TMPDIR": self.path("tmp")}

    def none_stays(self):
        self.assertEqual(glob.glob(self.path("tmp", "lockstep-*")), [])

    def step(self, *args, ranks=1, **options):
        line, = self.lines("step", *args, ranks=ranks, threads=1, env=self.temporary(), **options)
        self.none_stays()
        self.assertEqual((line["ranks"], line["threads"]), (ranks, 1))
        parts = [line[f"{p}_s"] for p in ("gather", "forward", "backward", "update", "wait")]
        self.assertTrue(all(p >= 0 for p in parts), line)
        roofline = line["flops"] / line["fma_peak_gflops"] + \
            line["update_bytes"] / line["stream_gb_per_s"]
        self.assertAlmostEqual(line["roofline_s"] * 1e9 / roofline, 1, places=3)
        self.assertAlmostEqual(line["of_roofline"] * line["seconds"] / line["roofline_s"], 1,
                               places=3)
        self.assertAlmostEqual(line["samples_per_s"] * line["seconds"] / line["rows"], 1, places=2)
        self.assertGreater(line["peak_rss_bytes"], 1e6)
        self.assertEqual("overlap_percent" in line, ranks > 1)
        return line

    def test_step_of_a_shape(self):
        matrices = (50 * 12, 12 * 5)
        for ranks, sharing in ((1, 0), (2, 0), (2, 1)):
            for strategy in ("data", "features"):
                with self.subTest(ranks=ranks, sharing=sharing, strategy=strategy):
                    line = self.step(*self.SHAPE, "--strategy", strategy, "--set",
                                     f"parallel.sharing_ranks={sharing}", ranks=ranks)
                    self.assertEqual([line[k] for k in ("strategy", "optimizer", "rows", "in",
                                                        "out", "lanes")],
                                     [strategy, "adam", 24, 50, 5, 8])
                    self.assertEqual(line["weights"], sum(matrices) + 12 + 5)
                    self.assertEqual(line["flops"], 24 * (4 * matrices[0] + 6 * matrices[1]))
                    self.assertEqual(line["update_bytes"], 24 * line["weights"])
                    if strategy == "data":
                        self.assertEqual(line["sent_bytes"] > 0, sharing == 1)

    def test_step_of_other_shapes(self):
        line = self.step(*self.SHAPE, "--lanes", 3, "--optimizer", "sgd")
        self.assertEqual((line["lanes"], line["optimizer"]), (3, "sgd"))
        self.assertEqual(line["update_bytes"], 8 * line["weights"])  # it keeps nothing
        line = self.step(*self.SHAPE, "--optimizer", "sgd", "--set", "optimizer.sgd.momentum=0.9")
        self.assertEqual(line["update_bytes"], 16 * line["weights"])
        # Rows are streamed for as many epochs as it takes.
        self.step(*self.SHAPE, "--set", "data.memory=stream", "--set", "train.epochs=1")
        line = self.step("--rows", 8, "--in", 3, "--units", 1, "--set", "compute.gemm=openblas")
        self.assertEqual((line["gemm"], line["lanes"], line["out"]), ("openblas", 8, 1))

    def test_step_of_a_config(self):
        before = sorted(os.listdir(self.dir))
        config = experiments.make(self.dir, sorted(experiments.EXPERIMENTS)[0])
        made = sorted(os.listdir(self.dir))
        self.assertNotEqual(made, before)
        for ranks in (1, 2):
            line, = self.lines("step", config, "--set", "batch={size: 16, lanes: 4}", ranks=ranks,
                               threads=1)
            self.assertEqual((line["config"], line["rows"], line["lanes"]), (config, 16, 4))
        self.assertEqual(sorted(os.listdir(self.dir)), made)  # no run directory

    def test_stopped_step_leaves_nothing(self):
        env = {**os.environ, **self.temporary()}
        command = [lockstep_test.LOCKSTEP, "bench", "step", *map(str, self.SHAPE), "--repeats",
                   "10000"]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as process:
            process.stdout.readline()  # the machine's line
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75)
        self.none_stays()

    def scale(self, *args, ranks=1):
        lines = self.lines("scale", *args, "--gbit", 2.5, "--latency-us", 30, ranks=ranks,
                           threads=1, env=self.temporary())
        self.none_stays()
        for n in lines:
            self.assertEqual((n["gbit"], n["latency_us"]), (2.5, 30))
            features = n["strategy"] == "features"
            wire = 8 * n["sent_bytes"] * ranks / 2.5e9
            latency = 30e-6 * (5 if features else 3) if n["nodes"] > 1 else 0
            self.assertAlmostEqual(n["network_s"], wire + latency, places=7)
            want = n["work_s"] + wire if features else max(n["work_s"], wire)
            self.assertAlmostEqual((want + latency) / n["seconds"], 1, places=4)
            one = next(m for m in lines if m["strategy"] == n["strategy"])
            self.assertAlmostEqual(n["efficiency"] * n["nodes"] * n["seconds"] / one["seconds"],
                                   1, places=3)
        return lines

    def test_scale(self):
        for ranks in (1, 2):
            with self.subTest(ranks=ranks):
                lines = self.scale("--rows", 64, "--in", 50, "--units", 12, "--units", 5,
                                   ranks=ranks)
                self.assertEqual([(n["strategy"], n["ranks"]) for n in lines],
                                 [(s, ranks * p) for s, most in (("data", 64), ("features", 32))
                                  for p in (1, 2, 4, 8, 16, 32, 64) if p * ranks <= most])
        lines = self.scale(*self.SHAPE, "--strategy", "data")
        self.assertEqual({n["strategy"] for n in lines}, {"data"})

    def test_plan_of_bytes_is_what_is_sent(self):
        # A rank owns whole blocks of weights: here many, or a few weights beside much else.
        shape = ("--rows", 64, "--in", 3000, "--units", 60, "--units", 1)
        plan = {(n["strategy"], n["nodes"]): n["sent_bytes"] for n in self.scale(*shape)}
        for ranks in (2, 4):
            for strategy in ("data", "features"):
                line = self.step(*shape, "--strategy", strategy, "--set",
                                 "parallel.sharing_ranks=1", ranks=ranks)
                self.assertAlmostEqual(line["sent_bytes"] / plan[strategy, ranks], 1, delta=0.25)

    def test_wrong_steps(self):
        for says, *args in (
                ("neither a config nor a whole shape", "step", "--rows", 24, "--in", 50),
                ("7 is no divisor of --rows (24)", "step", *self.SHAPE, "--lanes", 7),
                ("unknown optimizer 'adm'", "step", *self.SHAPE, "--optimizer", "adm"),
                ("got 'x'", "scale", "--strategy", "x", *self.SHAPE),
                ("none.yaml: no such file", "step", self.path("none.yaml")),
                ("tells the shape", "scale", self.path("none.yaml"), "--rows", 24),
                ("--gbit: expected a number", "scale", *self.SHAPE, "--gbit", "fast"),
                ("--units", "step", *self.SHAPE, "--units", 0)):
            with self.subTest(says=says):
                self.fails(2, "bench", *args, says=says, ranks=(0, 2), env=self.temporary())
        self.fails(2, "bench", "step", *self.SHAPE, "--lanes", 2, ranks=(3,),
                   says="3 ranks are more than the 2 lanes", env=self.temporary())
        self.fails(1, "bench", "step", *self.SHAPE, says="make a folder", ranks=(0, 2),
                   env={"TMPDIR": self.path("no", "such", "folder")})
        self.none_stays()


if __name__ == "__main__":
    lockstep_test.main()

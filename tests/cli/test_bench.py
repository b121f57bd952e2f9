"""lockstep bench: every benchmark runs, and what it prints can be read by a script. No time is
judged."""
# processors: 2
import glob
import json
import os
import signal
import subprocess
import time

import experiments
import lockstep_test


class Bench(lockstep_test.TestCase):
    def lines(self, *args, **options):
        out = self.ok("bench", *args, "--repeats", 1, **options).out
        machine, *lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(machine["bench"], "machine")
        for key in ("cpu", "threads", "blas", "mpi", "arithmetic", "version", "commit", "compiler"):
            self.assertIn(key, machine)
        self.assertEqual(machine["ranks"], options.get("ranks", 1))
        for line in lines:
            self.assertEqual(line["bench"], args[0])
            self.assertGreater(line["seconds"], 0)
        return lines

    def test_gemm(self):
        lines = self.lines("gemm", "--rows", 33, "--in", 130, "--out", 17, threads=2)
        libraries = ["openblas"] + ["libxsmm"] * lockstep_test.has_libxsmm()
        self.assertEqual([(n["gemm"], n["product"], n["threads"]) for n in lines],
                         [(g, p, t) for t in (2, 1) for g in libraries
                          for p in ("forward", "backward_input", "backward_weight")])
        for n in lines:
            self.assertEqual((n["rows"], n["in"], n["out"]), (33, 130, 17))
            flops = 2 * 33 * 130 * 17
            self.assertAlmostEqual(n["gflops"] * n["seconds"] * 1e9 / flops, 1, places=3)
            self.assertAlmostEqual(n["of_peak"] * n["fma_peak_gflops"] / n["gflops"], 1, places=3)

    def test_memory(self):
        lines = self.lines("memory", "--bytes", 1600000, threads=2)
        self.assertEqual([(n["stream"], n["threads"]) for n in lines],
                         [("triad", 2), ("adam", 2), ("triad", 1), ("adam", 1)])
        for n in lines:
            self.assertEqual(n["floats"], 100000)
            bytes_a_float = {"triad": 12, "adam": 28}[n["stream"]]
            self.assertAlmostEqual(n["gb_per_s"] * n["seconds"] * 1e9 / (bytes_a_float * 1e5), 1,
                                   places=3)

    def test_several_sizes(self):
        lines = self.lines("memory", "--bytes", 1600, "--bytes", 3200, threads=1)
        self.assertEqual([n["floats"] for n in lines], [100, 100, 200, 200])

    def exchange(self, ranks, *args):
        """Two lines a size: lockstep's exchange and MPI_Allreduce. The program itself compares
        their sums."""
        lines = self.lines("exchange", "--bytes", 4, "--bytes", 50000, *args, ranks=ranks,
                           threads=1)
        self.assertEqual([(n["bytes"], n["method"]) for n in lines],
                         [(b, m) for b in (4, 50000) for m in ("lockstep", "MPI_Allreduce")])
        for n in lines:
            self.assertEqual(n["ranks"], ranks)
            speed = n["algorithm_gb_per_s"]
            self.assertAlmostEqual(speed * n["seconds"] * 1e9 / n["bytes"], 1, places=3)
            self.assertAlmostEqual(n["bus_gb_per_s"] / speed, 2 * (ranks - 1) / ranks, places=3)
        for ours, mpi in zip(lines[::2], lines[1::2]) if ranks > 1 else ():
            self.assertAlmostEqual(ours["of_allreduce"] * ours["seconds"] / mpi["seconds"], 1,
                                   places=3)
        return lines

    def test_exchange(self):
        for ranks in (1, 2, 3, 4):
            with self.subTest(ranks=ranks):
                self.assertEqual({n["lanes"] for n in self.exchange(ranks)}, {8})

    def test_lanes_of_the_exchange(self):
        self.assertEqual({n["lanes"] for n in self.exchange(3, "--lanes", 7)}, {7})
        self.assertEqual({n["lanes"] for n in self.exchange(9)}, {9})
        self.fails(2, "bench", "exchange", "--lanes", 2, says="from 3, the ranks", ranks=(3,))

    def test_read(self):
        for level, ranks in ((0, 1), (0, 3), (1, 2)):
            with self.subTest(level=level, ranks=ranks):
                data = self.path(f"{level}.h5")
                self.ok("synth", "gtex", "--samples", 300, "--features", 700, "--classes", 3,
                        "--donors", 30, "--compress", level, "-o", data)
                loader, plain = self.lines("read", data, ranks=ranks, threads=1)
                self.assertEqual((loader["method"], plain["method"]), ("loader", "pread"))
                self.assertEqual(loader["bytes"], 300 * 700 * 4)
                self.assertEqual(plain["bytes"], os.path.getsize(data))
                for n in (loader, plain):
                    self.assertEqual((n["rows"], n["features"], n["ranks"]), (300, 700, ranks))
                    self.assertEqual((n["stored"], n["compressed"]), ("float32", level > 0))
                    self.assertAlmostEqual(n["rows_per_s"] * n["seconds"] / 300, 1, places=3)
                    self.assertAlmostEqual(n["gb_per_s"] * n["seconds"] * 1e9 / n["bytes"], 1,
                                           places=3)
                self.assertAlmostEqual(loader["of_pread"] * loader["seconds"] / plain["seconds"],
                                       1, places=3)

    def test_read_of_some_rows(self):
        data = experiments.values(self.path("v.h5"), 40, 3, 1)
        for rows, read in ((1, 1), (7, 7), (1000, 40)):
            loader, plain = self.lines("read", data, "--rows", rows, ranks=3, threads=1)
            self.assertEqual((loader["rows"], loader["bytes"]), (read, read * 12))
            self.assertAlmostEqual(plain["bytes"], os.path.getsize(data) * read / 40, delta=1)

    def test_one_rank_measures(self):
        lines = self.lines("memory", "--bytes", 16, ranks=3, threads=1)
        self.assertEqual([n["floats"] for n in lines], [1, 1])

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
        self.assertEqual(line["update_bytes"], 16 * line["weights"])
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
            self.assertAlmostEqual((n["work_s"] + n["network_s"]) / n["seconds"], 1, places=4)
            ways = 5 if n["strategy"] == "features" else 3
            wire = 8 * n["sent_bytes"] * ranks / 2.5e9 + 30e-6 * ways if n["nodes"] > 1 else 0
            self.assertAlmostEqual(n["network_s"], wire, places=7)
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
        for kind in ("step", "scale"):
            for says, args in (
                    ("neither a config nor a whole shape", ("--rows", 24, "--in", 50)),
                    ("7 is no divisor of --rows (24)", (*self.SHAPE, "--lanes", 7)),
                    ("unknown optimizer 'adm'", (*self.SHAPE, "--optimizer", "adm")),
                    ("got 'x'", ("--strategy", "x", *self.SHAPE)),
                    ("none.yaml: no such file", (self.path("none.yaml"),)),
                    ("tells the shape", (self.path("none.yaml"), "--rows", 24)),
                    ("--gbit: expected a number", (*self.SHAPE, "--gbit", "fast")),
                    ("--units", (*self.SHAPE, "--units", 0))):
                with self.subTest(kind=kind, says=says):
                    self.fails(2, "bench", kind, *args, says=says, ranks=(0, 2),
                               env=self.temporary())
        self.fails(2, "bench", "step", *self.SHAPE, "--lanes", 2, ranks=(3,),
                   says="3 ranks are more than the 2 lanes", env=self.temporary())
        self.fails(1, "bench", "step", *self.SHAPE, says="make a folder", ranks=(0, 2),
                   env={"TMPDIR": self.path("no", "such", "folder")})
        self.none_stays()

    def test_wrong_calls(self):
        self.fails(2, "bench", "gem", says=["no 'gem'", "did you mean 'gemm'?"], ranks=(0, 3))
        self.fails(2, "bench", says="1 argument expected", ranks=(0, 3))
        self.fails(2, "bench", "gemm", "--rows", "0", says="--rows", ranks=(0, 3))
        self.fails(2, "bench", "gemm", "x.h5", says="reads no file", ranks=(0, 3))
        self.fails(2, "bench", "read", says="which file?", ranks=(0, 3))
        self.fails(3, "bench", "read", self.path("none.h5"), says="no such file", ranks=(0, 3))


if __name__ == "__main__":
    lockstep_test.main()

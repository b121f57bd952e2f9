"""lockstep bench: every benchmark runs, and what it prints can be read by a script. No time is
judged."""
# processors: 2
import os

import experiments
import lockstep_test
from bench_runs import TestCase


class Bench(TestCase):
    def test_gemm(self):
        lines = self.lines("gemm", "--rows", 33, "--in", 130, "--out", 17, threads=2)
        libraries = ["openblas"] + ["libxsmm"] * lockstep_test.has_libxsmm() + \
            ["onednn"] * lockstep_test.has_bf16()
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

    def test_wrong_calls(self):
        self.fails(2, "bench", "gem", says=["no 'gem'", "did you mean 'gemm'?"], ranks=(0, 3))
        self.fails(2, "bench", says="1 argument expected", ranks=(0, 3))
        self.fails(2, "bench", "gemm", "--rows", "0", says="--rows", ranks=(0, 3))
        self.fails(2, "bench", "gemm", "x.h5", says="reads no file", ranks=(0, 3))
        self.fails(2, "bench", "read", says="which file?", ranks=(0, 3))
        self.fails(3, "bench", "read", self.path("none.h5"), says="no such file", ranks=(0, 3))


if __name__ == "__main__":
    lockstep_test.main()

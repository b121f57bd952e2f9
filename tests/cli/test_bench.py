"""lockstep bench: every benchmark runs, and what it prints can be read by a script. No time is
judged."""
import json

import lockstep_test


class Bench(lockstep_test.TestCase):
    def lines(self, *args, **options):
        out = self.ok("bench", *args, "--repeats", 1, **options).out
        machine, *lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(machine["bench"], "machine")
        for key in ("cpu", "threads", "blas", "arithmetic", "version", "commit", "compiler"):
            self.assertIn(key, machine)
        for line in lines:
            self.assertEqual(line["bench"], args[0])
            self.assertGreater(line["seconds"], 0)
        return lines

    def test_gemm(self):
        lines = self.lines("gemm", "--rows", 33, "--in", 130, "--out", 17, threads=2)
        self.assertEqual([(n["product"], n["threads"]) for n in lines],
                         [(p, t) for t in (2, 1)
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

    def test_one_rank_measures(self):
        lines = self.lines("memory", "--bytes", 16, ranks=3, threads=1)
        self.assertEqual([n["floats"] for n in lines], [1, 1])

    def test_wrong_calls(self):
        self.fails(2, "bench", "gem", says=["no 'gem'", "did you mean 'gemm'?"], ranks=(0, 3))
        self.fails(2, "bench", says="1 argument expected", ranks=(0, 3))
        self.fails(2, "bench", "gemm", "--rows", "0", says="--rows", ranks=(0, 3))


if __name__ == "__main__":
    lockstep_test.main()

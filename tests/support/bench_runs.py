"""Runs of benchmarks, and the lines that they print."""
import json

import lockstep_test


class TestCase(lockstep_test.TestCase):
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

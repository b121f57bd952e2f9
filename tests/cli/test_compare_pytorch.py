"""tests/bench/compare_pytorch.sh runs and prints its table. No time is judged."""
# processors: 2
# slow
import os
import re
import subprocess

import lockstep_test
from lockstep_test import LOCKSTEP, SOURCE


class ComparePytorch(lockstep_test.TestCase):
    def compare(self, *args):
        script = os.path.join(SOURCE, "tests", "bench", "compare_pytorch.sh")
        return subprocess.run([script, *args], env={**os.environ, "LOCKSTEP": LOCKSTEP}, text=True,
                              capture_output=True, timeout=250, check=False)

    def need_debians_torch(self):
        python = subprocess.run(["/usr/bin/python3", "-c", "import torch"], capture_output=True,
                                check=False)
        if python.returncode != 0:
            raise lockstep_test.unittest.SkipTest("Debian's python3-torch is not there")

    def test_a_small_network(self):
        self.need_debians_torch()
        done = self.compare("--no-pip", "--quick", "--threads", "1", "--shapes", "digits")
        self.assertEqual(done.returncode, 0, done)
        rows = re.findall(r"^  (1|2) process(?:es)? x 1 +(\S.*?)  +([\d.]+) +[\d.]+ - [\d.]+ +"
                          r"([\d.]+)(?: +[\d.]+)?$", done.stdout, re.M)
        own = ["lockstep"] + ["lockstep bf16"] * lockstep_test.has_bf16()
        for processes in "12":
            mine = [(name, float(ms), float(ratio)) for n, name, ms, ratio in rows
                    if n == processes]
            self.assertEqual([name for name, _, _ in mine[:len(own)]], own, done)
            self.assertEqual(mine[0][2], 1, done)
            # PyTorch by default, its fastest, the same in bfloat16
            self.assertEqual(len(mine), len(own) + 3, done)
            for name, ms, ratio in mine[1:]:
                self.assertRegex(name, r"^lockstep bf16$|^PyTorch \d+\.\d+")
                self.assertAlmostEqual(ratio, ms / mine[0][1], delta=0.01 + 0.01 * ratio)

    def test_an_unknown_shape(self):
        self.need_debians_torch()
        self.assertIn("invalid choice: 'digit'",
                      self.compare("--no-pip", "--shapes", "digit").stderr)

    def test_without_the_program(self):
        done = subprocess.run([os.path.join(SOURCE, "tests", "bench", "compare_pytorch.sh")],
                              env={**os.environ, "LOCKSTEP": self.path("none")}, text=True,
                              capture_output=True, timeout=60, check=False)
        self.assertIn("there is no", done.stderr)
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    lockstep_test.main()

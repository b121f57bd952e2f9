"""Emulated hosts (tests/bench/hosts.py): a benchmark runs over their network, training gives the
weights of a single rank, and nothing is left of them. Skipped where network namespaces can not be
made."""
# processors: 2
import json
import os
import shutil
import subprocess
import sys
import unittest

import lockstep_test
from experiments import dense
from small_runs import TestCase

SCRIPT = os.path.join(lockstep_test.SOURCE, "tests", "bench", "hosts.py")
NEEDED = ("ip", "tc", "unshare", "mpirun")


def namespaces():
    return subprocess.run(["ip", "netns", "list"], check=True, text=True,
                          capture_output=True).stdout


def can_be_made():
    """A network namespace with a device whose rate is limited."""
    if os.geteuid() != 0 or not all(map(shutil.which, NEEDED)):
        return False
    name = f"lockstep-test-{os.getpid()}"
    steps = (["ip", "netns", "add", name],
             ["ip", "-n", name, "link", "add", "name", "v1", "type", "veth", "peer", "name", "v2"],
             ["ip", "-n", name, "link", "add", "name", "bridge", "type", "bridge"],
             ["tc", "-n", name, "qdisc", "add", "dev", "v1", "root", "tbf", "rate", "1gbit",
              "burst", "256k", "latency", "50ms"],
             ["ip", "netns", "exec", name, "unshare", "-u", "hostname", "x"])
    made = all(subprocess.run(s, check=False, capture_output=True).returncode == 0 for s in steps)
    subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
    return made


@unittest.skipUnless(can_be_made(), "no network namespaces here (root, ip, tc)")
class Hosts(TestCase):
    def on_hosts(self, n, *args, code=0):
        command = [sys.executable, SCRIPT, "--hosts", n, lockstep_test.LOCKSTEP, *args]
        with subprocess.Popen(list(map(str, command)), text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE,
                              env={**os.environ, "TMPDIR": self.dir}) as process:
            try:
                out, err = process.communicate(timeout=100)
            finally:
                process.terminate()  # it removes what it has set up
        self.assertEqual(process.returncode, code, f"{out}\n{err}")
        self.assertNotIn(f"lockstep-{process.pid}-", namespaces())
        self.assertEqual([f for f in os.listdir(self.dir) if f.startswith("lockstep-")], [])
        sent = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
        self.assertEqual([s["host"] for s in sent], [f"h{i + 1}" for i in range(n)])
        return out, err, [s["sent_bytes"] for s in sent]

    def test_exchange(self):
        out, _, sent = self.on_hosts(2, "bench", "exchange", "--bytes", 1000000, "--repeats", 1)
        machine, ours, _ = map(json.loads, out.splitlines())
        self.assertEqual((machine["ranks"], machine["ranks_on_machine"]), (2, 1))
        self.assertGreater(ours["seconds"], 1000000 * 8 / 1e9 / 4)
        # A warm and a counted turn, of the exchange and of MPI_Allreduce.
        for n in sent:
            self.assertGreater(n, 4 * 1000000)

    def test_steps_on_four_hosts(self):
        out, _, _ = self.on_hosts(4, "bench", "step", "--rows", 32, "--in", 300, "--units", 20,
                                "--units", 3, "--strategy", "features", "--repeats", 1)
        line = json.loads(out.splitlines()[-1])
        self.assertEqual((line["ranks"], line["strategy"]), (4, "features"))
        self.assertGreater(line["sent_bytes"], 0)

    def test_weights(self):
        for strategy in ("data", "features"):
            config = self.small(model=[dense(7), "relu", dense(3)],
                                parallel={"strategy": strategy})
            hashes = []
            for n in (1, 2):
                run = self.path(f"{strategy}-{n}")
                if n == 1:
                    self.train(config, run_dir=run)
                else:
                    self.on_hosts(n, "train", config, "--run-dir", run)
                hashes.append(self.ok("inspect", run, "--hash").out)
            self.assertEqual(*hashes)

    def test_failure(self):
        _, err, _ = self.on_hosts(2, "train", self.path("none.yaml"), code=2)
        self.assertEqual(err.count("lockstep: error:"), 1)


if __name__ == "__main__":
    lockstep_test.main()

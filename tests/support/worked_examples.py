"""Worked examples: a config in configs/examples, on top of which stand the commands that make its data
and run it. A test runs these very lines, so that they are right.

Why here: what the tests in tests/examples share. Never writes into the source tree.
"""
import os
import re
import shutil
import subprocess
import sys
import unittest

import h5py

import experiments
import lockstep_test
from lockstep_test import LOCKSTEP, SOURCE


def commands(config):
    """The lines of the comment on top that are indented, as a shell reads them."""
    lines = []
    with open(config, encoding="utf-8") as f:
        for line in f:
            if not line.startswith("#"):
                break
            if line.startswith("#   "):
                lines.append(line[4:])
    return "".join(lines)


class Example(lockstep_test.TestCase):
    """In self.dir are configs/ and data/, and there the commands run."""

    def setUp(self):
        super().setUp()
        shutil.copytree(os.path.join(SOURCE, "configs"), self.path("configs"))
        os.mkdir(self.path("bin"))
        for name, program in (("lockstep", shutil.which(LOCKSTEP)), ("python3", sys.executable)):
            with open(self.path("bin", name), "w", encoding="utf-8") as f:
                f.write(f"#!/bin/sh\nexec '{program}' \"$@\"\n")
            os.chmod(self.path("bin", name), 0o755)

    def give(self, *files):
        """Puts data that exist into data/."""
        os.makedirs(self.path("data"), exist_ok=True)
        for file in files:
            os.symlink(file, self.path("data", os.path.basename(file)))

    def config(self, name):
        return self.path("configs", "examples", f"{name}.yaml")

    def follow(self, name):
        """Runs the commands of a config; gives what they say. Skipped where data that they take from
        the system are not there."""
        for data in re.findall(r"/usr/[^\s;]+", commands(self.config(name))):
            if not os.path.exists(data):
                raise unittest.SkipTest(f"{data} is not there")
        path = self.path("bin") + os.pathsep + os.environ["PATH"]
        done = subprocess.run(["sh", "-e", "-c", commands(self.config(name))], cwd=self.dir,
                              env={**os.environ, "PATH": path}, text=True, timeout=250,
                              stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def again(self, name, run, *args):
        """Trains with the config once more, into the directory `run` of runs."""
        return self.ok("train", self.config(name), "--run-dir", self.path("runs", run), *args,
                       cwd=self.dir)

    def epochs(self, run):
        """The lines of metrics.jsonl."""
        return experiments.metrics(self.path("runs", run))

    def weights(self, run, checkpoint="last.h5"):
        """{"0_dense/weight": array, ...}"""
        found = {}
        with h5py.File(self.path("runs", run, "checkpoints", checkpoint), "r") as f:
            f["model"].visititems(lambda name, node: found.update({name: node[...]})
                                  if isinstance(node, h5py.Dataset) else None)
        return found

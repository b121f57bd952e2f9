"""Tissue of origin: configs/examples/tissue-transform.yaml. Skipped where ../shared/data is absent.

Raw values reach 1e8, and a learning rate of 1e-6 moves weights by 2e-3 in all: 0.32 of the samples of
new donors are right after 20 epochs, with logarithms 0.91 (798 samples, so 0.01 to 0.02 is chance).
"""
import csv
import json
from collections import Counter

import h5py

import lockstep_test
from lockstep_test import need_shared
from worked_examples import Example

FILES = ("gtex_v6/gtex_v6_transcript_rpkm.gct.gz", "gtex_v6/SampleAttributesDS.txt")


class Tissues(Example):
    def setUp(self):
        super().setUp()
        self.files = need_shared(*FILES)
        self.give(*self.files)

    def test_logarithm(self):
        self.follow("tissue-transform")
        self.check_tissues()
        self.assertGreater(self.accuracy("tissue-log"), 0.87)
        self.assertLess(self.accuracy("tissue-raw"), 0.5)

    def accuracy(self, run):
        """On the donors that are for testing."""
        last = self.path("runs", run, "checkpoints", "last.h5")
        result = json.loads(self.ok("evaluate", last, "--json").out)
        self.assertEqual(result["split"], "test")
        return result["accuracy"]

    def check_tissues(self):
        """Those of the config are the seven with most samples."""
        with open(self.files[1], newline="", encoding="utf-8") as f:
            tissues = Counter(row["SMTS"] for row in csv.DictReader(f, delimiter="\t"))
        largest = dict(tissues.most_common(7))
        with h5py.File(self.path("data", "seven-tissues.h5")) as f:
            classes = [c.decode() for c in f["classes"][:]]
            self.assertEqual(Counter(classes[y] for y in f["y"][:]), largest)


if __name__ == "__main__":
    lockstep_test.main()

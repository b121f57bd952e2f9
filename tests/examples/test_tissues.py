"""Tissue of origin: configs/examples/tissue-transform.yaml. Skipped where ../shared/data is absent."""
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
        print(self.follow("tissue-transform")[-4000:])
        self.check_tissues()
        for run in ("tissue-log", "tissue-raw"):
            print(run, [(e["epoch"], e["train_loss"], e["train_accuracy"]) for e in self.epochs(run)][::3])
            print(self.accuracy(run))

    def accuracy(self, run):
        """On the donors that are for testing."""
        result = json.loads(self.ok("evaluate", self.path("runs", run, "checkpoints", "last.h5"),
                                    "--json").out)
        self.assertEqual(result["split"], "test")
        return result["accuracy"], result.get("balanced_accuracy"), result["loss"]

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

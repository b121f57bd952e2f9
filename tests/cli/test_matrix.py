# processors: 2
# timeout: 900
# slow
"""The config alone decides the result: every pair of what can be chosen, in a config and around it.

tests/support/matrix.py is the table. Each row is run twice: as it says, and with other ranks, other
threads, another value of all that must not decide, from whose checkpoints it goes on where it says so.
What the two leave must be the same, bit for bit, and what other configs leave must not.
"""
import hashlib
import json
import os
import shutil
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import h5py

import experiments
import lockstep_test
import matrix
import options
import pairs

WORKERS = 2  # runs side by side: most wait more than they count


def left(run_dir):
    """What a run leaves, but for times and the settings of how it ran."""
    found = experiments.contents(os.path.join(run_dir, "checkpoints", "last.h5"))
    del found["config"]
    return {**found, "metrics.jsonl": experiments.metrics(run_dir)}


def weights(found):
    """A hash of the weights alone."""
    return hashlib.sha256(b"".join(found[k] for k in sorted(found) if k.startswith("model/"))).digest()


def written(row, names=None):
    return ", ".join(f"{name} {row[name]}" for name in names or row)


class Matrix(lockstep_test.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.program = matrix.Program()
        cls.table = matrix.factors(cls.program)
        labels = {name: list(f.values) for name, f in cls.table.items()}
        cls.impossible = {pairs.pair(*p.items()) for p, _ in matrix.IMPOSSIBLE}
        apart = set().union(*(pairs.all_pairs({n: labels[n] for n in names})
                              for names in matrix.APART))
        cls.wanted = pairs.all_pairs(labels) - cls.impossible - apart
        cls.rows = pairs.generate(labels, cls.wanted, cls.impossible)
        cls.free = [name for name, f in cls.table.items() if not f.decides]
        cls.plain = {name: values[0] for name, values in labels.items()}

    def setUp(self):
        super().setUp()
        matrix.write_data(self.path("d.h5"))

    def config(self, name, row):
        return experiments.write_config(self.path(f"{name}.yaml"), matrix.config_of(self.table, row))

    def in_pool(self, work, items):
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(work, items))

    def decided(self, row):
        return {name: label for name, label in row.items() if name not in self.free}

    def reference(self, row, turn):
        """The same config, run another way: plainly, and where the row is plain itself as another
        value says, turn by turn each that is possible, if one is."""
        other = dict(row)
        for name in self.free:
            plain, *labels = self.table[name].values
            turned = labels[turn % len(labels):] + labels[:turn % len(labels)]
            other[name] = next((v for v in [plain, *turned] if v != row[name] and
                                not pairs.pairs_of({**other, name: v}) & self.impossible), row[name])
        return {**other, "start": "straight"}

    def train(self, name, row, *args):
        """Runs a row, and gives what it leaves."""
        ranks, threads = int(row["ranks"]), int(row["threads"])
        self.ok("train", self.config(name, row), "--run-dir", self.path(name), *args, ranks=ranks,
                threads=threads)
        with open(self.path(name, "provenance.json"), encoding="utf-8") as f:
            start = json.load(f)["starts"][-1]
        self.assertEqual((start["ranks"], start["threads"]),
                         (ranks, min(threads, self.program.threads)))
        return left(self.path(name))

    def begin(self, name, reference, start):
        """Makes a run directory as a run leaves it that ends inside its second epoch, or after it."""
        def step(file):
            with h5py.File(self.path(reference, "checkpoints", file), "r") as f:
                return f["state"].attrs["epoch"], f["state"].attrs["epoch_step"] > 0
        wanted = (1, True) if start == "inside" else (2, False)
        found = [f for f in sorted(os.listdir(self.path(reference, "checkpoints")))
                 if f.startswith("step-") and step(f) == wanted]
        self.assertTrue(found, f"no checkpoint {start} epochs")
        shutil.copytree(self.path(reference), self.path(name),
                        ignore=shutil.ignore_patterns("checkpoints"))
        os.mkdir(self.path(name, "checkpoints"))
        shutil.copy(self.path(reference, "checkpoints", found[0]), self.path(name, "checkpoints"))

    def compare(self, item):
        """Runs a row and its reference. Gives the hash of the weights, and what is wrong."""
        i, row = item
        reference, name = self.reference(row, i), f"row-{i}"
        try:
            want = self.train(f"{name}-reference", reference)
            if row["start"] == "straight":
                got = self.train(name, row)
            else:
                self.begin(name, f"{name}-reference", row["start"])
                got = self.train(name, row, "--resume")
            different = [k for k in sorted(want.keys() | got.keys()) if want.get(k) != got.get(k)]
            if different:
                return None, (f"{written(row)}\nand {written(reference, self.free)}\n"
                              f"differ in {different[0]} and {len(different) - 1} more")
            return weights(want), None
        except AssertionError as e:
            return None, f"{written(row)}\n{e}"
        finally:
            for end in ("", "-reference"):
                shutil.rmtree(self.path(name + end), ignore_errors=True)

    def suspects(self, wrong):
        """What is wrong wherever it occurs, most frequent first."""
        counts = Counter(label for row in wrong for label in row.items())
        all_rows = Counter(label for row in self.rows for label in row.items())
        return f"{len(wrong)} of {len(self.rows)} rows are wrong, always: " + ", ".join(
            f"{name} {value} ({n})" for (name, value), n in counts.most_common()
            if n == all_rows[name, value])

    def test_all_pairs(self):
        self.assertEqual(pairs.open_pairs(self.wanted, self.rows), set())
        for name, factor in self.table.items():
            self.assertEqual({row[name] for row in self.rows}, set(factor.values))
        for row in self.rows:
            self.assertEqual(pairs.pairs_of(row) & self.impossible, set())
            self.assertEqual(row.keys(), self.table.keys())

    def test_everything_has_its_row(self):
        """What takes one of some words, and every table of choices, is a factor."""
        keys = {k for f in self.table.values() for v in f.values.values() for k in v}
        lacking = [k for k, about in self.program.keys.items()
                   if options.words(about) and k not in keys | matrix.ELSEWHERE.keys()]
        self.assertEqual(lacking, [], "give it a row in tests/support/matrix.py")
        labels = {label for f in self.table.values() for label in f.values}
        self.assertIn("openblas", self.table["gemm"].values)  # it is everywhere
        lacking = [f"{t.kind} {t.name}" for t in self.program.things if t.name not in labels]
        self.assertEqual(lacking, [], "give its kind a row in tests/support/matrix.py")

    def test_what_is_impossible_is_refused(self):
        for pair, says in matrix.IMPOSSIBLE:
            if not all(label in self.table[name].values for name, label in pair.items()):
                continue  # not in this build, or not on this processor
            row = {**self.plain, **pair}
            self.fails(2, "train", self.config("refused", row), "--run-dir", self.path("refused"),
                       says=says, ranks=(int(row["ranks"]),))

    def test_one_result_per_config(self):
        begin = time.monotonic()
        results = self.in_pool(self.compare, enumerate(self.rows))
        print(f"{len(self.wanted)} pairs in {len(self.rows)} rows, {2 * len(self.rows)} runs: "
              f"{time.monotonic() - begin:.0f} s", file=sys.stderr)
        wrong = [row for row, (_, what) in zip(self.rows, results) if what]
        if wrong:
            self.fail("\n\n".join([self.suspects(wrong)] + [what for _, what in results if what]))
        made_by = {}
        for row, (got, _) in zip(self.rows, results):
            same = made_by.setdefault(got, row)
            self.assertEqual(self.decided(same), self.decided(row), "they make the same weights")

    def test_every_value_decides(self):
        """From the plainest config, one value changed at a time: no two have the same weights."""
        rows = [self.plain] + [{**self.plain, name: label} for name, factor in self.table.items()
                               if factor.decides for label in list(factor.values)[1:]]

        def train(item):
            i, row = item
            return weights(self.train(f"value-{i}", row))
        made_by = {}
        for row, got in zip(rows, self.in_pool(train, enumerate(rows))):
            same = made_by.setdefault(got, row)
            if same is not row:
                self.fail(f"{written(row)}\nand {written(same)}\nmake the same weights")


lockstep_test.main()

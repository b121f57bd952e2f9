"""lockstep import gct: beside numpy's own parse, also of GTEx; bad files at 1 and 3 ranks."""
import csv
import gzip
import os

import h5py
import lockstep_test
import numpy as np


def strings(dataset):
    return [s.decode() for s in dataset[:]]


class Import(lockstep_test.TestCase):
    def setUp(self):
        super().setUp()
        self.out = self.path("out.h5")
        rng = np.random.default_rng(1)
        self.ids = [f"GTEX-{i % 40:04d}-{i:04d}-SM-X" for i in range(300)]
        self.x = np.round(rng.lognormal(size=(1100, 300)), 4).astype(np.float32)
        self.x[rng.random(self.x.shape) < 0.3] = 0
        self.tissue = [("Lung", "Skin - Leg", "Blood")[i % 3] for i in range(300)]

    def gct(self, name, rows=None, head="#1.2", ids=None):
        ids = ids or self.ids
        rows = rows if rows is not None else self.rows()
        text = f"{head}\n{len(rows)}\t{len(ids)}\nName\tDescription\t" + "\t".join(ids) + "\n" + \
            "".join("\t".join(r) + "\n" for r in rows)
        return self.write(name, gzip.compress(text.encode(), 1) if name.endswith(".gz") else text)

    def rows(self, n=None):
        return [[f"ENSG{i}", f"gene {i}"] + [f"{v:.6g}" for v in row]
                for i, row in enumerate(self.x[:n])]

    def table(self, name="attributes.txt", keys=None, labels=None, delimiter="\t"):
        labels = labels or self.tissue
        rows = [[k, "?", t] for k, t in zip(keys or self.ids, labels)]
        rows = [["SOMETHING-ELSE", "", "Liver"]] + rows[::-1]  # more rows, in another order
        with open(self.path(name), "w", newline="") as f:
            csv.writer(f, delimiter=delimiter).writerows([["SAMPID", "SMTS", "SMTSD"]] + rows)
        return self.path(name)

    def values(self):
        return np.array([[float(v) for v in r[2:]] for r in self.rows()]).astype(np.float32).T

    def test_matches_an_independent_parse(self):
        r = self.ok("import", "gct", self.gct("m.gct.gz"), "--attributes", self.table(),
                    "--label", "SMTSD", "--group", "donor", "-o", self.out)
        self.assertIn("300 samples x 1,100 features, 3 classes, 40 groups", r.err)
        with h5py.File(self.out) as f:
            np.testing.assert_array_equal(f["X"][:], self.values())
            self.assertEqual((f["X"].dtype, f["X"].chunks), (np.float32, (256, 512)))
            self.assertEqual(strings(f["features"]), [f"ENSG{i}" for i in range(1100)])
            self.assertEqual(strings(f["samples"]), self.ids)
            self.assertEqual(strings(f["groups"]), ["-".join(i.split("-")[:2]) for i in self.ids])
            self.assertEqual(strings(f["classes"]), ["Blood", "Lung", "Skin - Leg"])
            self.assertEqual([strings(f["classes"])[c] for c in f["y"][:]], self.tissue)

    def test_the_thread_count_does_not_matter(self):
        path = self.gct("m.gct")
        outs = []
        for threads in (1, 4):
            self.ok("import", "gct", path, "-o", self.out, threads=threads)
            with open(self.out, "rb") as f:
                outs.append(f.read())
        self.assertEqual(outs[0], outs[1])

    def test_samples_that_are_left_out(self):
        labels = [" " if i in (0, 299) else t for i, t in enumerate(self.tissue)]
        table = self.table("t.csv", self.ids[:295] + self.ids[299:], labels[:295] + labels[299:], ",")
        args = ("import", "gct", self.gct("m.gct"), "--attributes", table, "--label", "3", "--group",
                "SMTSD", "-o", self.out)
        self.fails(3, *args, ranks=(1, 3), says=[
            f"t.csv: no row for 4 of the samples of", "'GTEX-0015-0295-SM-X'", "--missing drop"])
        r = self.ok(*args, "--missing", "drop")
        self.assertIn("4 samples without a row in", r.err)
        self.assertIn("2 samples with a blank label were left out", r.err)
        with h5py.File(self.out) as f:
            np.testing.assert_array_equal(f["X"][:], self.values()[1:295])
            self.assertEqual(strings(f["samples"]), self.ids[1:295])
            self.assertEqual(strings(f["groups"]), self.tissue[1:295])

    def test_version_3_tells_of_its_samples(self):
        text = ("#1.3\n2\t3\t1\t2\nid\tchr\tA\tB\tC\ntissue\tNA\tLung\t\tSkin\n"
                "patient\tNA\tp1\tp2\tp1\nG1\t1\t1\t2\t3\nG2\tX\t4\t5\t6\n")
        path = self.write("m.gct", text)
        self.ok("import", "gct", path, "--label", "tissue", "--group", "patient", "-o", self.out)
        with h5py.File(self.out) as f:
            np.testing.assert_array_equal(f["X"][:], [[1, 4], [3, 6]])
            self.assertEqual(strings(f["classes"]), ["Lung", "Skin"])
            self.assertEqual(strings(f["groups"]), ["p1", "p1"])
        self.fails(2, "import", "gct", path, "--label", "tisue", "-o", self.out,
                   says="did you mean 'tissue'?")

    def test_missing_values(self):
        rows = self.rows(3)
        rows[1][2 + 7] = "NA"
        path = self.gct("m.gct", rows)
        says = f"m.gct: line 5: feature 'ENSG1', sample '{self.ids[7]}': missing value"
        self.fails(3, "import", "gct", path, "-o", self.out, says=[says, "--missing zero or mean"],
                   ranks=(1, 3))
        others = np.delete(self.values()[:, 1], 7)
        for how, expected in (("zero", 0), ("mean", np.float32(others.astype(np.float64).mean()))):
            self.ok("import", "gct", path, "-o", self.out, "--missing", how)
            with h5py.File(self.out) as f:
                # Two sums in float64 in another order, rounded to float32.
                np.testing.assert_allclose(f["X"][7, 1], expected, rtol=1e-6)
                np.testing.assert_array_equal(np.delete(f["X"][:, 1], 7), others)
        rows[1][2 + 7] = "inf"
        self.fails(3, "import", "gct", self.gct("m.gct", rows), "-o", self.out,
                   says="line 5: feature 'ENSG1', sample 'GTEX-0007-0007-SM-X': the value is inf")

    def test_hints_say_what_works(self):
        """Samples that the table does not know and missing values: no option mends both."""
        rows = self.rows(3)
        rows[1][2 + 7] = "NA"
        args = ("import", "gct", self.gct("m.gct", rows), "--attributes",
                self.table(keys=self.ids[1:], labels=self.tissue[1:]), "--label", "SMTSD", "-o",
                self.out)
        self.fails(3, *args, says=["no row for 1 of the samples", "--missing drop leaves such"])
        self.fails(3, *args, "--missing", "drop",
                   says=["missing value", "drop leaves out the samples without a row", "not values",
                         "take those samples out of the matrix"])
        r = lockstep_test.run(*args, "--missing", "zero")
        self.assertIn("no row for 1 of the samples", r.err)
        self.assertIn("add rows for them, or take them out of the matrix", r.err)
        self.assertNotIn("--missing drop", r.err)

    def test_text_that_is_not_utf8(self):
        args = ("--label", "SMTSD", "-o", self.out)
        table = self.table(labels=["H\xe4ut"] + self.tissue[1:])
        with open(table, encoding="utf-8") as f:
            text = f.read()
        self.ok("import", "gct", self.gct("m.gct", self.rows(3)), "--attributes", table, *args)
        self.write("latin.txt", text.encode("latin1"))
        self.fails(3, "import", "gct", self.path("m.gct"), "--attributes", self.path("latin.txt"),
                   *args, says=["latin.txt: line 302: byte ", "is not UTF-8", "iconv"])
        rows = self.rows(3)
        rows[2][0] = "ENSG\xe4"
        with open(self.gct("m.gct", rows), encoding="utf-8") as f:
            text = f.read()
        self.fails(3, "import", "gct", self.write("m.gct", text.encode("latin1")), "--attributes",
                   table, *args, says=["m.gct: line 6: byte 5 (0xe4, behind 'ENSG')", "iconv"])

    def test_bad_files(self):
        table = self.table()
        rows = self.rows(200)
        short = [r if i != 150 else r[:-2] for i, r in enumerate(rows)]
        text = [r if i != 150 else r[:-1] + ["high"] for i, r in enumerate(rows)]
        twice = [r if i != 150 else ["ENSG7"] + r[1:] for i, r in enumerate(rows)]
        cut = self.gct("cut.gct.gz", rows)
        os.truncate(cut, 100000)
        double = self.ids[:-1] + [self.ids[4]]
        cases = [
            (self.path("no.gct"), "no.gct: no such file", (1, 3)),
            (cut, "cut.gct.gz: is cut short: its gzip data ends too early, at byte 100,000", (1, 3)),
            (self.gct("short.gct.gz", short),
             "short.gct.gz: line 154: 298 values, the header promises 300", (1, 3)),
            (self.gct("double.gct", rows, ids=double),
             "two samples are named 'GTEX-0004-0004-SM-X' (value column 5 and value column 300)",
             (1, 3)),
            (self.gct("text.gct", text), "line 154: sample GTEX-0019-0299-SM-X: 'high' is not a", (0,)),
            (self.gct("twice.gct", twice), "two features are named 'ENSG7' (line 11 and line 154)",
             (0,)),
            (table, "attributes.txt: is not a GCT file", (0,))]
        for path, says, ranks in cases:
            self.fails(3, "import", "gct", path, "--attributes", table, "--label", "SMTSD", "-o",
                       self.out, says=says, ranks=ranks)
            self.assertFalse([f for f in os.listdir(self.dir) if "out" in f])

    def test_bad_tables(self):
        path = self.gct("m.gct", self.rows(3))

        def fails(code, table, says, *more, ranks=(0,)):
            self.fails(code, "import", "gct", path, "--attributes", table, *more, "-o", self.out,
                       says=says, ranks=ranks)

        fails(2, self.table(), ["no column 'SMTSDX' (--label)", "did you mean 'SMTSD'?"], "--label",
              "SMTSDX", ranks=(1, 3))
        fails(2, self.table(), "no column 'x' (--attributes-id)", "--attributes-id", "x")
        fails(2, self.table(), "no column 'plate' (--group)", "--group", "plate")
        fails(3, self.path("no.txt"), "no.txt: no such file", "--label", "SMTSD", ranks=(1, 3))
        twice = self.table("twice.txt", self.ids + self.ids[:1], self.tissue + ["Lung"])
        fails(3, twice, "sample 'GTEX-0000-0000-SM-X' has two rows (line 3 and line 303)", "--label",
              "SMTSD", ranks=(1, 3))
        self.fails(2, "import", "gct", path, "--label", "SMTSD", "-o", self.out,
                   says="--attributes TABLE")
        self.fails(2, "import", "gct", path, "--attributes", self.table(), "-o", self.table(),
                   says="would be overwritten")

    def test_gtex(self):
        gct, table = lockstep_test.need_shared("gtex_v6/gtex_v6_transcript_rpkm.gct.gz",
                                               "gtex_v6/SampleAttributesDS.txt")
        r = self.ok("import", "gct", gct, "--attributes", table, "--label", "SMTSD", "--group",
                    "donor", "-o", self.out)
        with open(table) as f:
            label = {row["SAMPID"]: row["SMTSD"] for row in csv.DictReader(f, delimiter="\t")}
        with gzip.open(gct, "rt") as f, h5py.File(self.out) as h:
            f.readline(), f.readline()
            ids = f.readline().rstrip("\n").split("\t")[2:]
            kept = [i for i, s in enumerate(ids) if label[s].strip()]
            self.assertIn(f"{len(kept):,} samples x 4,000 features, 53 classes", r.err)
            names, x = strings(h["features"]), h["X"][:]
            for j, line in enumerate(f):
                if j % 97 == 0:  # numpy needs long for all
                    fields = line.rstrip("\n").split("\t")
                    self.assertEqual(names[j], fields[0])
                    np.testing.assert_array_equal(
                        x[:, j], np.array(fields[2:], np.float64).astype(np.float32)[kept])
            classes = strings(h["classes"])
            # Not assertEqual: it would take minutes to find where long lists differ.
            self.assertTrue([classes[c] for c in h["y"][:]] == [label[ids[i]] for i in kept])
            self.assertTrue(strings(h["groups"]) ==
                            ["-".join(ids[i].split("-")[:2]) for i in kept])


lockstep_test.main()

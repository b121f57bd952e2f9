"""lockstep import csv|tsv: beside Python's own csv module; bad tables at 1 and 3 ranks."""
import csv
import gzip
import os
import random

import h5py
import lockstep_test
import numpy as np

SKLEARN = "/usr/lib/python3/dist-packages/sklearn/datasets/data"


def strings(dataset):
    return [s.decode() for s in dataset[:]]


class Import(lockstep_test.TestCase):
    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def imported(self, *args):
        out = self.path("out.h5")
        r = self.ok("import", *args, "-o", out)
        self.err = r.err
        self.assertEqual(r.out, "")
        self.assertEqual([f for f in os.listdir(self.dir) if "tmp" in f], [])
        return h5py.File(out, "r")

    def test_matches_an_independent_parse(self):
        rng = random.Random(1)
        n, columns = 700, 530  # more than one chunk in both directions
        rows = [[f"s{i}", rng.choice(["b", "a", "c d"]), f"d{i % 9}"] +
                [rng.choice(["0", f"{rng.gauss(0, 1000):.7g}", f"{rng.random():.12f}",
                             f"{rng.random():.3e}"]) for _ in range(columns)] for i in range(n)]
        path = self.path("t.csv.gz")
        with gzip.open(path, "wt", newline="") as f:
            w = csv.writer(f, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
            w.writerow(["id", "kind", "who"] + [f"x, {j}" for j in range(columns)])
            w.writerows(rows)
        f = self.imported("csv", path, "--label", "kind", "--id", "1", "--group", "who",
                          "--compress", "1")
        expected = np.array([[float(v) for v in r[3:]] for r in rows]).astype(np.float32)
        np.testing.assert_array_equal(f["X"][:], expected)
        self.assertEqual((f["X"].dtype, f["X"].chunks), (np.float32, (256, 512)))
        self.assertEqual(f["X"].compression, "gzip")
        self.assertEqual(strings(f["classes"]), ["a", "b", "c d"])
        self.assertEqual([strings(f["classes"])[c] for c in f["y"][:]], [r[1] for r in rows])
        self.assertEqual(strings(f["samples"]), [r[0] for r in rows])
        self.assertEqual(strings(f["groups"]), [r[2] for r in rows])
        self.assertEqual(strings(f["features"]), [f"x, {j}" for j in range(columns)])
        self.assertIn("700 samples x 530 features, 3 classes, 9 groups", self.err)

    def test_numeric_labels_are_sorted_as_numbers(self):
        path = self.write("t.tsv", "x\ty\n1\t10\n2\t9\n3\t10\n4\t-1\n")
        f = self.imported("tsv", path, "--label", "y")
        self.assertEqual(strings(f["classes"]), ["-1", "9", "10"])
        self.assertEqual(list(f["y"][:]), [2, 1, 2, 0])
        self.assertTrue(np.issubdtype(f["y"].dtype, np.integer))

    def test_targets(self):
        path = self.write("t.csv", "a,b,c\n1,2,3\n4,5,6\n")
        f = self.imported("csv", path, "--target", "c")
        self.assertEqual(f["y"].shape, (2,))
        self.assertEqual(list(f["y"][:]), [3, 6])
        self.assertEqual(strings(f["targets"]), ["c"])
        f.close()
        f = self.imported("csv", path, "--target", "c", "--target", "a")
        np.testing.assert_array_equal(f["y"][:], [[3, 1], [6, 4]])
        self.assertEqual(strings(f["targets"]), ["c", "a"])
        self.assertEqual(strings(f["features"]), ["b"])
        f.close()
        f = self.imported("csv", path)  # to predict on
        self.assertNotIn("y", f)

    def test_no_header(self):
        path = self.write("t.txt", "x;1;2\ny;3;4\n")
        f = self.imported("csv", path, "--no-header", "--delimiter", ";", "--label", "1")
        np.testing.assert_array_equal(f["X"][:], [[1, 2], [3, 4]])
        self.assertNotIn("features", f)
        self.assertEqual(strings(f["classes"]), ["x", "y"])

    def test_missing_values(self):
        path = self.write("t.csv", "a,b,k\n1,NA,x\n2,4,y\n,8,x\n3,?,\n6,0,y\n")
        f = self.imported("csv", path, "--label", "k", "--missing", "zero")
        np.testing.assert_array_equal(f["X"][:], [[1, 0], [2, 4], [0, 8], [6, 0]])
        self.assertIn("1 rows with a blank label were left out", self.err)
        self.assertIn("2 missing values were filled in", self.err)
        f.close()
        f = self.imported("csv", path, "--label", "k", "--missing", "mean")
        np.testing.assert_array_equal(f["X"][:], [[1, 4], [2, 4], [3, 8], [6, 0]])
        f.close()
        f = self.imported("csv", path, "--label", "k", "--missing", "drop")
        np.testing.assert_array_equal(f["X"][:], [[2, 4], [6, 0]])
        self.assertIn("2 rows with missing values were left out", self.err)
        f.close()
        f = self.imported("csv", path, "--target", "b", "--drop", "k", "--missing", "drop")
        np.testing.assert_array_equal(f["X"][:], [[2], [6]])
        np.testing.assert_array_equal(f["y"][:], [4, 0])

    def test_first_column_without_a_name(self):
        path = self.write("t.csv", ",a\n0,1\n1,2\n")
        self.imported("csv", path).close()
        self.assertIn("warning", self.err)
        self.assertIn("--drop 1", self.err)

    def test_a_real_table(self):
        path = os.path.join(SKLEARN, "wine_data.csv")  # its first row is no header
        if not os.path.exists(path):
            self.skipTest(f"{path} is not there")
        with open(path, newline="") as f:
            rows = list(csv.reader(f))[1:]
        text = "".join(",".join(r) + "\n" for r in rows)
        f = self.imported("csv", self.write("wine.csv", text), "--no-header", "--label", "14")
        np.testing.assert_array_equal(f["X"][:], np.array(rows)[:, :-1].astype(np.float32))
        np.testing.assert_array_equal(f["y"][:], np.array(rows)[:, -1].astype(int))

    def test_only_some_columns_are_features(self):
        path = self.write("t.csv", "day,a,b,c\nMonday,1,2,3\nTuesday,4,5,6\n")
        f = self.imported("csv", path, "--feature", "c", "--feature", "a", "--target", "b")
        np.testing.assert_array_equal(f["X"][:], [[1, 3], [4, 6]])
        self.assertEqual(strings(f["features"]), ["a", "c"])
        f.close()
        self.fails(2, "import", "csv", path, "--feature", "b", "--target", "b", "-o",
                   self.path("x.h5"), says="column 'b' has two uses: --target and --feature")

    def test_a_real_table_with_much_else_in_it(self):
        path, = lockstep_test.need_shared("linear_regression/covid_denmark.csv")
        f = self.imported("csv", path, "--feature", "new_cases", "--target", "new_deaths", "--id",
                          "date", "--missing", "drop")
        with open(path, newline="") as g:
            rows = [r for r in csv.DictReader(g) if r["new_cases"] and r["new_deaths"]]
        np.testing.assert_array_equal(f["X"][:, 0], [np.float32(r["new_cases"]) for r in rows])
        np.testing.assert_array_equal(f["y"][:], [np.float32(r["new_deaths"]) for r in rows])
        self.assertTrue(strings(f["samples"]) == [r["date"] for r in rows])

    # ---- what goes wrong ----

    def refuses(self, code, text, *args, says, name="t.csv", ranks=(0,)):
        path = self.write(name, text)
        out = self.path("out.h5")
        self.fails(code, "import", "csv", path, *args, "-o", out, says=says, ranks=ranks)
        self.assertEqual(sorted(os.listdir(self.dir)), [name])

    def test_bad_cells(self):
        good = "id,a,b\nx,1,2\n"
        self.refuses(3, good + "y,,4\n", "--id", "id",
                     says=["t.csv: line 3: column 'a': missing value", "--missing drop"], ranks=(1, 3))
        self.refuses(3, "id,a,b\ny,1,Bob\n", "--id", "id",
                     says=["t.csv: line 2: column 'b': 'Bob' is not a number", "--drop 'b'"])
        self.refuses(3, good + "y,1,Bob\n", "--id", "id",
                     says=["t.csv: line 3: column 'b': 'Bob' is not a number",
                           "above this one are numbers", "mend it"])
        self.refuses(3, good + "y,1,Bob\n", "--id", "id", "--target", "b",
                     says=["line 3: column 'b': 'Bob' is not a number", "mend it"])
        self.refuses(3, "a;b\n1,5;2\n", "--delimiter", ";",
                     says=["line 2: column 'a': '1,5' is not a number", "decimal comma", "write.csv2"])
        self.refuses(3, good + "y,1e99,3\n", "--id", "id",
                     says="line 3: column 'a': '1e99' is infinite", ranks=(1, 3))
        self.refuses(3, good + "y,1\n", "--id", "id", says="line 3: 2 fields, the first row has 3")
        self.refuses(3, good + "y,1,\"2\n", "--id", "id", says="line 3: a quote that opens")
        self.refuses(3, good + "NA,1,2\n", "--id", "id", says="line 3: column 'id': missing value")
        self.refuses(3, good + "y,1,2\nx,5,6\n", "--id", "id",
                     says="two samples are named 'x' (line 2 and line 4)", ranks=(1, 3))
        self.refuses(3, "a,b\n,1\n,2\n", "--missing", "mean", says="column 'a' has no value at all")
        self.refuses(3, "a,k\n1,\n", "--label", "k", says="no row is left")
        self.refuses(3, "a,b,a\n1,2,3\n", says="two columns are named 'a' (column 1 and column 3)")
        self.refuses(3, "", says="t.csv: is empty")
        self.refuses(3, "a,b\n", says="no row is left")
        self.refuses(3, "a,y\n1,2\n1,\n", "--target", "y", "--missing", "mean",
                     says=["line 3: column 'y': missing value", "--missing drop"])

    def test_rows_of_other_lengths(self):
        self.refuses(3, "a b\n'x' 1 2\n'y' 3 4\n", "--delimiter", " ",
                     says=["line 2: 3 fields, the first row has 2", "write.table", "col.names = NA"])
        self.refuses(3, "a;b\n1,5;2,5\n", says="--delimiter ';'")
        self.refuses(3, "a,b\n1,2\n1,2,3\n", says="fields with the delimiter inside need quotes")

    def test_text_that_is_not_utf8(self):
        good = "id,k,a\n"
        for text, line, byte in (("id,k,gr\xf6\xdfe\nx,y,1\n", 1, 8), (good + "\xe9,y,1\n", 2, 1),
                                 (good + "x,y,1\nz,\xe9,1\n", 3, 3)):
            self.refuses(3, text.encode("latin1"), "--id", "id", "--label", "k", ranks=(1, 3),
                         says=[f"t.csv: line {line}: byte {byte} (0x", "is not UTF-8 text",
                               "iconv -f latin1 -t utf-8"])
        f = self.imported("csv", self.write("u.csv", "id,k,größe\nx,é,1\n".encode()), "--id", "id",
                          "--label", "k")
        self.assertEqual(strings(f["features"]), ["größe"])

    def test_an_output_that_can_not_be_made_is_told_before_reading(self):
        path = self.write("t.csv", "a\nno number\n")
        self.fails(1, "import", "csv", path, "-o", self.path("no/out.h5"), says="no/out.h5: create")

    def test_what_was_made_is_told(self):
        rows = "".join(f"{i},{'abcdefgh'[i % 8 if i < 16 else 0]}\n" for i in range(20))
        self.imported("csv", self.write("t.csv", "x,k\n" + rows), "--label", "k").close()
        self.assertIn("20 samples x 1 features, 8 classes", self.err)
        self.assertIn("rows of each class: a 6, b 2, c 2, d 2, e 2, f 2, ...", self.err)
        self.assertNotIn("warning", self.err)
        for labels in (("b ", " b"), ("Liver", "liver")):
            text = "x,k\n" + "".join(f"1,{k}\n" for k in (*labels, "c"))
            self.imported("csv", self.write("t.csv", text), "--label", "k").close()
            a, b = sorted(labels)
            self.assertIn(f"warning: the classes '{a}' and '{b}' differ only in blanks or in case",
                          self.err)

    def test_wrong_columns(self):
        text = "age,height,species\n1,2,x\n"
        self.refuses(2, text, "--label", "specie",
                     says=["t.csv: no column 'specie' (--label)", "did you mean 'species'?"], ranks=(1, 3))
        self.refuses(2, text, "--label", "7", says=["no column '7'", "'age', 'height', 'species'"])
        self.refuses(2, text, "--label", "species", "--drop", "3", says="two uses: --label and --drop")
        self.refuses(2, text, "--label", "species", "--target", "age", says="exclude each other")
        self.refuses(2, "k\nx\n", "--label", "k", says="no column is left to be a feature")

    def test_wrong_usage(self):
        text = "a,b\n1,2\n"
        self.refuses(2, text, "--missing", "guess", says="--missing: expected error, drop, zero or mean")
        self.refuses(2, text, "--delimiter", "xy", says="--delimiter")
        self.refuses(2, text, "--compress", "12", says="--compress: 12 is out of bounds")
        self.refuses(2, text, "--attributes", "t", says="import csv does not take --attributes")
        self.refuses(2, text, "--lable", "b", says=["--lable", "did you mean '--label'?"])
        path = self.write("t.csv", text)
        self.fails(2, "import", "cvs", path, "-o", "x", says=["unknown format 'cvs'", "'csv'"])
        self.fails(2, "import", "csv", path, says="no output file")
        self.fails(2, "import", "csv", path, path, "-o", "x", says="wrong number of input files")
        self.fails(2, "import", says="--help")
        self.fails(2, "import", "csv", path, "-o", path, says="would be overwritten", ranks=(1, 3))
        self.assertEqual(self.read("t.csv"), text.encode())

    def test_bad_files(self):
        out = self.path("out.h5")
        self.fails(3, "import", "csv", self.path("no.csv"), "-o", out, says="no.csv: no such file",
                   ranks=(1, 3))
        with gzip.open(self.path("a.csv.gz"), "wt") as f:
            rng = random.Random(1)
            f.write("a,b\n" + "".join(f"{rng.random()},1\n" for _ in range(5000)))
        whole = self.read("a.csv.gz")
        path = self.write("cut.csv.gz", whole[:len(whole) // 2])
        self.fails(3, "import", "csv", path, "-o", out, says=["cut.csv.gz: is cut short", "gzip -t"],
                   ranks=(1, 3))
        path = self.write("excel.csv", "a,b\n1,2\n".encode("utf-16"))
        self.fails(3, "import", "csv", path, "-o", out, says="line 1: holds a zero byte")
        self.fails(1, "import", "csv", self.write("t.csv", "a\n1\n"), "-o", self.path("no/out.h5"),
                   says="no/out.h5", ranks=(1, 3))
        self.assertFalse(os.path.exists(out))


lockstep_test.main()

"""jobs/gtex-download.sh against a copy of the portal's folders: fetch, go on, damage, import."""
import gzip
import os
import pathlib
import shutil
import subprocess

import lockstep_test as lt

EXPRESSION = "GTEx_Analysis_2017-06-05_v8_RNASeQCv1.1.9_gene_tpm.gct.gz"
ATTRIBUTES = "GTEx_Analysis_v8_Annotations_SampleAttributesDS.txt"
GCT = ("#1.2\n3\t4\nName\tDescription\tG-A-1\tG-A-2\tG-B-1\tG-B-2\n"
       "ENSG1\tx\t0\t1\t2\t3\nENSG2\ty\t4\t5\t6\t7\nENSG3\tz\t8\t9\t0.5\t1e3\n")
TABLE = "SAMPID\tSMTSD\nG-A-1\tLiver\nG-A-2\tLung\nG-B-1\tLiver\nG-B-2\tLung\n"


class GtexDownload(lt.TestCase):
    def setUp(self):
        super().setUp()
        if not shutil.which("curl"):
            self.skipTest("there is no curl")
        self.whole = gzip.compress(GCT.encode())
        for folder in ("annotations/v8/metadata-files", "bulk-gex/v8/rna-seq"):
            os.makedirs(self.path("portal", folder))
        self.write(f"portal/annotations/v8/metadata-files/{ATTRIBUTES}", TABLE)
        self.write(f"portal/bulk-gex/v8/rna-seq/{EXPRESSION}", self.whole)

    def download(self, *args):
        env = dict(os.environ, GTEX_URL=pathlib.Path(self.path("portal")).as_uri())
        script = os.path.join(lt.SOURCE, "jobs", "gtex-download.sh")
        done = subprocess.run([script, self.path("the data"), *args], cwd=self.dir, env=env,
                              timeout=60, text=True, capture_output=True)
        return lt.Result(done.returncode, done.stdout, done.stderr, 0)

    def fetched(self):
        with open(self.path("the data", EXPRESSION), "rb") as f:
            return f.read()

    def test_fetches_once_and_prints_the_import(self):
        r = self.download("--no-import")
        self.assertEqual(r.code, 0, repr(r))
        self.assertEqual(self.fetched(), self.whole)
        self.assertIn("import gct", r.out)
        r = self.download("--no-import")
        self.assertEqual(r.out.count("already there"), 2, repr(r))

    def test_imports(self):
        r = self.download()
        self.assertEqual(r.code, 0, repr(r))
        self.assertTrue(os.path.exists(self.path("the data", "gtex-v8.h5")), repr(r))
        self.assertIn("already imported", self.download().out)

    def test_goes_on_where_it_stopped(self):
        os.makedirs(self.path("the data"))
        half = len(self.whole) // 2
        self.write(f"the data/{EXPRESSION}.part", self.whole[:half])
        self.assertEqual(self.download("--no-import").code, 0)
        self.assertEqual(self.fetched(), self.whole)

        # Other first bytes prove that only the rest is fetched: the whole is then damaged.
        os.remove(self.path("the data", EXPRESSION))
        self.write(f"the data/{EXPRESSION}.part", b"x" * half)
        r = self.download("--no-import")
        self.assertEqual(r.code, 1, repr(r))
        self.assertIn("damaged", r.err)

    def test_keeps_nothing_damaged(self):
        self.write(f"portal/bulk-gex/v8/rna-seq/{EXPRESSION}", self.whole[:-9])
        r = self.download("--no-import")
        self.assertEqual(r.code, 1, repr(r))
        self.assertIn("damaged", r.err)
        self.assertEqual(os.listdir(self.path("the data")), [ATTRIBUTES])

    def test_says_what_to_do_without_a_network(self):
        shutil.rmtree(self.path("portal"))
        r = self.download()
        self.assertEqual(r.code, 1, repr(r))
        self.assertIn("the download failed", r.err)
        self.assertIn("hint:", r.err)


lt.main()

"""lockstep import idx: beside numpy's own parse; bad files and a full disk at 1 and 3 ranks."""
import gzip
import os
import struct
import subprocess

import h5py
import lockstep_test
import numpy as np

FASHION = "/usr/share/datasets/fashion-mnist"


def idx(array, code):
    array = np.asarray(array)
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + \
        array.astype(array.dtype.newbyteorder(">")).tobytes()


class Import(lockstep_test.TestCase):
    def images(self, n=300):
        rng = np.random.default_rng(1)
        return rng.integers(0, 256, (n, 4, 5), dtype=np.uint8), \
            rng.choice([3, 10, 9], n).astype(np.uint8)

    def test_images_and_labels(self):
        x, y = self.images()
        images = self.write("images", gzip.compress(idx(x, 8)))
        labels = self.write("labels", idx(y, 8))
        out = self.path("out.h5")
        r = self.ok("import", "idx", images, labels, "-o", out)
        self.assertIn("300 samples x 20 features, 3 classes", r.err)
        with h5py.File(out) as f:
            np.testing.assert_array_equal(f["X"][:], x.reshape(300, 20))
            self.assertEqual(f["X"].dtype, np.float32)
            self.assertEqual([int(c) for c in f["classes"][:]], [3, 9, 10])
            np.testing.assert_array_equal(np.array([3, 9, 10])[f["y"][:]], y)
            self.assertEqual([f["features"][0], f["features"][19]], [b"pixel0", b"pixel19"])
            self.assertNotIn("samples", f)

    def test_other_types_and_no_labels(self):
        x = np.random.default_rng(2).normal(size=(7, 3)).astype(np.float64)
        out = self.path("out.h5")
        self.ok("import", "idx", self.write("x", idx(x, 14)), "-o", out)
        with h5py.File(out) as f:
            np.testing.assert_array_equal(f["X"][:], x.astype(np.float32))
            self.assertNotIn("y", f)

    def test_large_labels(self):
        x, y = self.images(4)[0], np.array([16777216, 16777217, -5, 16777217], np.int32)
        out = self.path("out.h5")
        self.ok("import", "idx", self.write("x", idx(x, 8)), self.write("y", idx(y, 12)), "-o", out)
        with h5py.File(out) as f:
            self.assertEqual([int(c) for c in f["classes"][:]], [-5, 16777216, 16777217])
            self.assertEqual(f["y"][:].tolist(), [1, 2, 0, 2])

    def test_headers_that_promise_too_much(self):
        """No size in a header is believed beyond what the file's own size can bear out."""
        big, head = 0x80000000, bytes([0, 0, 8])
        for dims, says in (((0, big, big, big), "2^32 pixels or more"),
                           ((0, big, 4, big, 16, big), "2^32 pixels or more"),
                           ((1, big, big), "it is too small for the 4,611,686,018,427,387,904"),
                           ((1, 1 << 30), "it is too small for the 1,073,741,824 elements"),
                           ((1 << 16, 1 << 16, 1 << 16), "is cut short: it is too small")):
            name = self.write("huge", head + bytes([len(dims)]) +
                              struct.pack(f">{len(dims)}I", *dims) + bytes(1000))
            self.fails(3, "import", "idx", name, "-o", self.path("out.h5"), says=[name, says])
            self.assertEqual(os.listdir(self.dir), ["huge"])

    def test_fashion_mnist(self):
        names = [os.path.join(FASHION, f"t10k-{k}-ubyte.gz") for k in ("images-idx3", "labels-idx1")]
        if not os.path.exists(names[0]):
            self.skipTest(f"{names[0]} is not there")
        out = self.path("out.h5")
        self.ok("import", "idx", *names, "-o", out)
        with h5py.File(out) as f:
            for name, array, head in zip(names, (f["X"], f["y"]), (16, 8)):
                with gzip.open(name) as g:
                    np.testing.assert_array_equal(
                        array[:].ravel(), np.frombuffer(g.read(), np.uint8, offset=head))

    def test_bad_files(self):
        x, y = self.images()
        images, labels = self.write("images", idx(x, 8)), self.write("labels", idx(y, 8))
        short = self.write("short", idx(x, 8)[:-7])
        cut = self.write("cut.gz", gzip.compress(idx(x, 8))[:3000])
        long = self.write("long", idx(x, 8) + b"x")
        few = self.write("few", idx(y[:299], 8))
        nan = self.write("nan", idx(np.array([[1, 2], [3, np.nan]], np.float32), 13))
        out = self.path("out.h5")
        for inputs, says, ranks in [
                ([self.path("none"), labels], "none: no such file", (1, 3)),
                ([cut, labels], "cut.gz: is cut short", (1, 3)),
                ([short, labels], "short: is cut short: 5,993 elements, the header promises 6,000",
                 (1, 3)),
                ([long, labels], "long: holds more than the 6,000 elements", (0,)),
                ([images, few], "few: 299 labels for the 300 images of", (1, 3)),
                ([labels, images], ["labels: holds a vector, not images", "images come first"], (0,)),
                ([images, images], "images: does not hold labels", (0,)),
                ([nan], "nan: image 1, pixel 1 (both from 0): not a number", (0,)),
                ([__file__, labels], "is not an IDX file", (0,))]:
            self.fails(3, "import", "idx", *inputs, "-o", out, says=says, ranks=ranks)
            self.assertFalse([f for f in os.listdir(self.dir) if "out" in f])
        self.fails(2, "import", "idx", images, labels, "-o", out, "--label", "y",
                   says="import idx does not take --label")

    def test_full_disk(self):
        x, y = self.images(20000)
        images, labels = self.write("images", idx(x, 8)), self.write("labels", idx(y, 8))
        disk = self.path("disk")
        os.mkdir(disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk],
                          stderr=subprocess.DEVNULL).returncode:
            self.skipTest("mounting a small file system needs root")
        try:
            self.fails(1, "import", "idx", images, labels, "-o", os.path.join(disk, "out.h5"),
                       says=["out.h5: could not write: No space left on device", "hint: free some"],
                       ranks=(1, 3))
            self.assertEqual(os.listdir(disk), [])
        finally:
            subprocess.run(["umount", disk], check=True)


lockstep_test.main()

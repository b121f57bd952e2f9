"""Doors: MPI is called in comm only, BLAS in math only, HDF5 in format only; no module ends the
process or prints by itself; no result is summed or compiled in a way that loses the bits.
"""
import os
import re

import lint

# A header of a guarded library, the module behind whose door it lies.
DOORS = [
    (re.compile(r"^mpi(-ext|f)?\.h$"), "comm"),
    (re.compile(r"^(cblas|f77blas|lapacke?|libxsmm\w*|mkl\w*|blis|armpl\w*)\.h$"
                r"|^(openblas|oneapi|dnnl|libxsmm)\b|^dnnl.*\.h$"), "math"),
    (re.compile(r"^(hdf5(_hl)?|H5\w*)\.h$"), "format"),
]

# A call that a module must not make, the files that may, what to do instead.
CALLS = [
    (re.compile(r"\bMPI_SUM\b"), ("src/comm/unordered.c",),
     "MPI_SUM adds in an order of MPI's choosing: sum with the fixed tree (base/tree.h)"),
    (re.compile(r"\bls_allreduce_unordered\s*\("),
     ("src/bench/", "src/comm/unordered.c", "include/lockstep/comm/unordered.h"),
     "it adds in an order of MPI's choosing, to be measured only: use comm/exchange.h"),
    (re.compile(r"\b(exit|_exit|_Exit|quick_exit|abort)\s*\("), ("src/comm/",),
     "a module returns an ls_status (ls_fail); only comm's panic ends the process"),
    (re.compile(r"\b(v?printf|puts|putchar|perror)\s*\(|\b(v?fprintf)\s*\(\s*std(out|err)\b"
                r"|\b(fputs|fputc|fwrite)\s*\([^;]*,\s*std(out|err)\b"),
     ("src/base/log.c", "src/base/progress.c", "src/comm/", "src/cli/"),
     "a module speaks through ls_log (base/log.h) or its error record only"),
    (re.compile(r"\bopenblas_set_num_threads\s*\(|\bMPI_THREAD_MULTIPLE\b"), (),
     "it would change the bits of a result or the MPI level of the whole process"),
]
FAST_MATH = re.compile(r"-ffast-math|-Ofast|-funsafe-math|-fassociative-math")


def check_source(findings, path):
    module = lint.module_of(path)
    for line, name, _ in lint.includes(path):
        for pattern, owner in DOORS:
            if pattern.search(name) and not path.startswith(os.path.join("src", owner, "")):
                findings.add(path, line, f"{name} may be included in src/{owner}/ only: use "
                             f"include/lockstep/{owner}/, or add there what is missing")
    text = lint.without_comments(lint.read(path))
    for pattern, allowed, advice in CALLS:
        if path.startswith(allowed):
            continue
        for m in pattern.finditer(text):
            findings.add(path, lint.line_of(text, m.start()),
                         f"{m.group().strip(' (')}: {advice}")


def main():
    findings = lint.Findings()
    for path in lint.files(".c", ".h", below=("include", "src")):
        check_source(findings, path)
    for path in lint.files("CMakeLists.txt", ".cmake", "CMakePresets.json"):
        text = lint.read(path)
        for m in FAST_MATH.finditer(text):
            findings.add(path, lint.line_of(text, m.start()),
                         f"{m.group()} lets the compiler reorder sums: remove it")
    findings.exit("mpi.h in comm, BLAS in math, hdf5.h in format; no exit, no print, no MPI_SUM")


main()

# processors: 2
# timeout: 1800
# slow
"""Every call that can fail, failing: resumed training on 1 to 3 ranks, evaluate, predict, import
and synth.

lockstep-faults (tests/support/faults.c) counts the calls and lets one of them fail. Each run must
end by itself in time, with the right exit code and one error line; what was whole before is whole
after, nothing unfinished stands under a final name, and the run goes on to the same weights.

usage: walk.py [--all] [--spread N] [--only FUNCTION] [--target NAME] [--verbose]
  --spread N   so many calls of each function, from the first to the last
               (LOCKSTEP_FAULTS_SPREAD, or 2)
  --all        every single one (or LOCKSTEP_FAULTS_ALL=1)
"""
import argparse
import collections
import filecmp
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import experiments
import fault_runs
import lockstep_test
from fault_runs import Wrong, demand

FAULTS = os.environ.get("LOCKSTEP_FAULTS", "lockstep-faults")
SECONDS_MAX = 20
WORKERS = 4  # most of a small run is waiting

# The exit codes that a failing call may lead to, besides 0 where the call does not matter.
MEMORY = {"posix_memalign", "calloc", "XXH3_createState", "yaml_parser_initialize"}
NAMES = {"access", "stat", "opendir", "readdir", "getcwd"}  # what is not there is a wrong name
READING = {"open", "fopen", "fread", "fgets", "pread", "fstat", "lseek", "fcntl", "gzread",
           "gzdopen"}


def codes_of(function):
    if function in NAMES:
        return {1, 2, 3}
    return {1, 3} if function in READING else {1}


class Target:
    """A call of lockstep in a folder of its own."""

    def __init__(self, name, base, args, ranks=0):
        self.name, self.base, self.args, self.ranks = name, base, args, ranks

    def run(self, folder, **env):
        args = [a.replace("@", folder) for a in self.args]
        return lockstep_test.run(*args, ranks=self.ranks, timeout=60, program=FAULTS,
                                 env={"OMP_NUM_THREADS": "1", **env})

    def run_again(self, folder, fault):
        """Once more where Open MPI's mpiexec has crashed or stopped by itself, with all ranks gone,
        which it may do after MPI_Abort."""
        for _ in range(4):
            try:
                r = self.run(folder, LOCKSTEP_FAULT=fault)
                if not self.ranks or r.code >= 0:
                    return r
            except subprocess.TimeoutExpired as e:
                if not self.ranks or e.ranks_live:
                    raise
            shutil.rmtree(folder)
            os.mkdir(folder)
            self.prepare(folder)
        raise Wrong("mpiexec fails again and again")

    def prepare(self, folder):
        subprocess.run(["cp", "-a", f"{self.base}/.", folder], check=True)

    def learn(self, folder):
        """Runs without a fault; how often each function was called, for every rank."""
        self.prepare(folder)
        r = self.run(folder, LOCKSTEP_FAULT_COUNTS=f"{folder}/calls")
        demand(r.code == 0, "it fails without a fault", r)
        counts = []
        for rank in range(max(1, self.ranks)):
            with open(f"{folder}/calls.{rank}", encoding="utf-8") as f:
                counts.append({n: int(k) for n, k in map(str.split, f) if int(k) > 0})
        return counts


class Training(Target):
    """The second epoch of a run that was stopped after the first."""

    def __init__(self, base, ranks, background, more=""):
        super().__init__(f"train, {max(1, ranks)} ranks{more}", base,
                         ["train", "@/c.yaml", "--run-dir", "@/run", "--resume", "--set",
                          f"checkpoint.background={background}"], ranks)

    def learn(self, folder):
        counts = super().learn(folder)
        self.want = fault_runs.hash_of(f"{folder}/run/checkpoints/last.h5")
        return counts

    def judge(self, folder, r):
        fault_runs.check_checkpoints(f"{folder}/run", 2)
        if r.code == 0:
            fault_runs.check_finished(f"{folder}/run", self.want, 2)
        else:
            fault_runs.finish(f"{folder}/c.yaml", f"{folder}/run", self.want, 2)


class Output(Target):
    """A command whose output file is whole or absent."""

    def __init__(self, name, base, args, out=None):
        super().__init__(name, base, args)
        self.out = out

    def learn(self, folder):
        counts = super().learn(folder)
        self.good = folder
        self.said = self.run(folder).out.replace(folder, "")
        return counts

    def judge(self, folder, r):
        left = [n for n in os.listdir(folder) if ".tmp-" in n]
        demand(not left, f"unfinished files are left: {left}")
        if self.out is None:
            demand(r.code != 0 or r.out.replace(folder, "") == self.said, "stdout differs", r)
        elif r.code == 0 or os.path.exists(f"{folder}/{self.out}"):
            demand(filecmp.cmp(f"{folder}/{self.out}", f"{self.good}/{self.out}", shallow=False),
                   f"{self.out} is not whole", r)


class Place(collections.namedtuple("Place", "target function rank count kind")):
    def __str__(self):
        return f"{self.target.name}: LOCKSTEP_FAULT={self.fault()}"

    def fault(self):
        return f"{self.rank}:{self.function}:{self.count}{self.kind}"


def spread(calls, most):
    """The numbers of all calls, or of `most` from the first to the last."""
    if calls <= most:
        return range(1, calls + 1)
    if most == 1:
        return [(calls + 1) // 2]
    return sorted({1 + round(i * (calls - 1) / (most - 1)) for i in range(most)})


def places(target, counts, most):
    for rank, calls in enumerate(counts):
        if rank == 1:
            continue  # it does what rank 2 does
        for function, n in sorted(calls.items()):
            if function in ("MPI_Testall", "MPI_Testsome", "MPI_Test", "MPI_Iprobe"):
                n = min(n, 200)  # how often is polled is chance
            for count in spread(n, most):
                yield Place(target, function, rank, count, "")
        for function in ("pwrite", "fwrite"):
            for count in spread(calls.get(function, 0), most):
                yield Place(target, function, rank, count, ":short")


def try_place(place, root):
    """(the exit code, what is wrong or None)"""
    folder = tempfile.mkdtemp(dir=root)
    r = None
    try:
        place.target.prepare(folder)
        r = place.target.run_again(folder, place.fault())
        demand(r.seconds < SECONDS_MAX, f"it took {r.seconds:.0f} s", r)
        errors = r.err.count("lockstep: error:")
        if r.code != 0:
            demand(r.code in codes_of(place.function), f"exit code {r.code}", r)
        demand(errors == (1 if r.code else 0), f"{errors} error lines", r)
        place.target.judge(folder, r)
    except Wrong as e:
        return r.code if r else None, str(e)
    except subprocess.TimeoutExpired:
        return None, "it hangs"
    except (OSError, KeyError, ValueError) as e:  # a file that is not as it must be
        return r.code, f"{type(e).__name__}: {e}\n{r!r}"
    shutil.rmtree(folder)
    return r.code, None


# What the libraries call besides the functions that faults.c wraps, in words of a pattern.
HARMLESS = {
    "it can not fail": r"mem\w+|str(?!error)\w+|_Exit|free|bsearch|qsort|tolower|time|mktime|gmtime_r|atoi|"
                       r"clock_gettime|getpid|getenv|sched_yield|ferror|clearerr|dirfd|signal|sig\w+set|isatty|"
                       r"__isoc99_sscanf|sscanf|v?snprintf|__ctype_\w+|__errno_location|stdin|stdout|stderr",
    "nor can these of oneDNN": r"dnnl_(\w+_destroy|version|status2str|get_effective_cpu_isa|"
                              r"memory_desc_get_size|primitive_desc_query_md)",
    "arithmetic": r"cos|exp|expf|lgamma_r|floor|fmax|fmin|log|log1p|log1pf|pow|rintf|sin|sincosf?|sqrt|sqrtf|tanhf|"
                  r"fmaf|log2|log2f|lround|llround|floorf|fmaxf|fminf|expm1f?|isnan|isinf|nan",
    "its result is only said": r"strerror(_r)?|MPI_Error_string|MPI_Get_library_version|gzerror|"
                               r"gzoffset|gzclose_r|H5get_libversion",
    "it ends the process": r"MPI_Abort|__assert_fail",
    "without it a command only starts later": r"setenv",
    "called beside pthread_create, with what it gave": r"pthread_join|pthread_sigmask",
    "it fails only for what is no lock": r"pthread_(mutex|cond)_\w+",
    "a hint to the system, or a question where no is an answer": r"sync_file_range|posix_fadvise|fstatfs",
    "data of MPI": r"ompi_\w+",
    "the compiler's": r"_GLOBAL_OFFSET_TABLE_|__\w+_chk|__stack_chk_fail|__popcount\w+|"
                      r"__cpu_\w+|__tls_get_addr|__[a-z]+san_\w+|__gcov_\w+|__sanitizer\w*|"
                      r"GOMP_\w+|omp_\w+|__\w+di[23]|__\w+ti[23]",
    "failures of HDF5 are those of the driver below it, h5_disk.c": r"H5\w+",
    "libraries without calls to the system, whose allocations faults.c fails where they start":
        r"XXH\w+|yaml_\w+|json_\w+|cblas_\w+|openblas_\w+|d(geqrf|orgqr|syevr)_|libxsmm_\w+|"
        r"Sleef_\w+|uncompress",
}


def check_symbols():
    """Every function that the modules call can be made to fail, or is known as harmless."""
    folder = os.path.dirname(FAULTS)
    archives = glob.glob(f"{folder}/libls_*.a")
    demand(archives, f"no libraries in {folder}")

    def symbols(*args):
        out = subprocess.run(["nm", *args], check=True, text=True, capture_output=True).stdout
        return {line.split()[-1] for line in out.splitlines() if len(line.split()) >= 2}

    called = {s for s in symbols("-u", *archives) if not s.startswith("ls_")}
    wrapped = {s[7:] for s in symbols("--defined-only", FAULTS) if s.startswith("__wrap_")}
    harmless = re.compile("|".join(HARMLESS.values()))
    new = sorted(s for s in called - wrapped if not harmless.fullmatch(s))
    demand(not new, f"wrap these in tests/support/faults.c, or say why they are harmless: {new}")


def make_run(base, strategy, more=None):
    """A folder that holds a run after its first epoch."""
    os.mkdir(base)
    fault_runs.write_run(base, strategy=strategy, more=more)
    r = lockstep_test.run("train", f"{base}/c.yaml", "--run-dir", f"{base}/run", "--set",
                          "train.epochs=1")
    demand(r.code == 0, "the first epoch", r)
    return base


def make_targets(root):
    """The base folder holds a run after its first epoch, a table, a dataset."""
    base = make_run(f"{root}/base", "data")
    features = make_run(f"{root}/features", "features")
    # weights for several panels, between ranks that share memory and one that does not
    groups = make_run(f"{root}/groups", "data", {
        "parallel": {"sharing_ranks": 2}, "data": {"memory": "stream"},
        "model": [experiments.dense(1000), experiments.dense(1000), experiments.dense(3)]})
    bf16 = make_run(f"{root}/bf16", "features", {
        "precision": "bf16" if lockstep_test.has_bf16() else "f32", "data": {"memory": "stream"}})
    with open(f"{base}/t.csv", "w", encoding="utf-8") as f:
        f.write("id,a,b,label\n")
        f.writelines(f"s{i},{i % 7},{i % 5},{'xyz'[i % 3]}\n" for i in range(200))
    last = "@/run/checkpoints/last.h5"
    return [
        Training(base, 0, "true"),
        Training(base, 3, "false"),
        Training(features, 3, "false", ", strategy features"),
        Training(groups, 3, "true", ", streamed, by messages, panel by panel"),
        Training(bf16, 2, "false", ", bfloat16, streamed, strategy features"),
        Output("evaluate", base, ["evaluate", last, "--data", "@/d.h5", "--json"]),
        Output("evaluate curves", base, ["evaluate", last, "--data", "@/d.h5", "--curves", "@/c.csv"],
               "c.csv"),
        Output("predict csv", base, ["predict", last, "--data", "@/d.h5", "-o", "@/p.csv"],
               "p.csv"),
        Output("predict h5", base, ["predict", last, "--data", "@/d.h5", "-o", "@/p.h5"], "p.h5"),
        Output("import csv", base, ["import", "csv", "@/t.csv", "--label", "label", "--id", "id",
                                    "-o", "@/i.h5"], "i.h5"),
        Output("synth", base, ["synth", "gtex", "--samples", "60", "--features", "50", "--donors", "20", "--classes", "5",
                               "-o", "@/s.h5"], "s.h5"),
    ]


def print_table(found):
    """found: {function: [exit code]}"""
    print(f"{'function':22}  {'places':>6}  ended with exit code")
    total = collections.Counter()
    for function, codes in sorted(found.items()):
        n = collections.Counter(codes)
        total += n
        print(f"{function:22}  {len(codes):6}  " + ", ".join(f"{k}: {n[k]}" for k in sorted(n)))
    print(f"{len(found)} functions, {sum(total.values())} faults; "
          + ", ".join(f"exit code {k}: {total[k]}" for k in sorted(total)))


def walk(root, options):
    targets = [t for t in make_targets(root) if options.target in t.name]
    walked = []
    for i, target in enumerate(targets):
        os.mkdir(f"{root}/good{i}")
        counts = target.learn(f"{root}/good{i}")
        walked += places(target, counts, 10**9 if options.all else options.spread)
    walked = [p for p in walked if re.fullmatch(options.only or ".*", p.function)]
    found, wrong = collections.defaultdict(list), []
    with ThreadPoolExecutor(WORKERS) as pool:
        for place, (code, what) in zip(walked, pool.map(lambda p: try_place(p, root), walked)):
            found[place.function].append(code if code is not None else -1)
            if options.verbose:
                print(place, code, flush=True)
            if what is not None:
                wrong.append(place)
                print(f"WRONG: {place}\n{what}\n", flush=True)
    print_table(found)
    if wrong:
        sys.exit(f"{len(wrong)} faults are not survived: " + "; ".join(map(str, wrong[:50])))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true",
                        default=os.environ.get("LOCKSTEP_FAULTS_ALL") == "1")
    parser.add_argument("--spread", type=int,
                        default=int(os.environ.get("LOCKSTEP_FAULTS_SPREAD", "2")))
    parser.add_argument("--only", default="")
    parser.add_argument("--target", default="")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    check_symbols()
    root = tempfile.mkdtemp(prefix="lockstep-faults-")
    try:
        walk(root, options)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()

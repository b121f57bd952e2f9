#!/usr/bin/env bash
# Fuzzes every reader for some seconds, two at a time, and says what was found.
#
# Why here: libFuzzer runs one target at a time and stops at the first finding; this makes the
# seeds, goes on behind findings and prints one table. Ends with 1 where lockstep failed, with 0
# where only HDF5 itself did (see apart.c). Never changes anything but the build and its folder.
#
# usage: tests/fuzz/run.sh [--no-install] SECONDS [TARGET...]   (config csv gct idx ...)
#   results: build/fuzz/found/TARGET/   an input for each finding, with its report (.txt)
#            build/fuzz/corpus/TARGET/  what the fuzzer keeps from run to run
set -euo pipefail
# shellcheck source=jobs/lib/lockstep.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../jobs/lib/lockstep.sh"

install=yes
if [ "${1:-}" = --no-install ]; then
    install=no
    shift
fi
[[ ${1:-} =~ ^[0-9]+$ ]] || ls_die "say for how long" "usage: $0 [--no-install] SECONDS [TARGET...]"
seconds=$1
shift
targets=("$@")
if [ $# -eq 0 ]; then
    for source in "$ls_home"/tests/fuzz/fuzz_*.c; do
        name=${source##*/fuzz_}
        targets+=("${name%.c}")
    done
fi

ls_need_work_folder
if [ "$install" = yes ]; then
    ls_install build test check || ls_say "going on, in case they are there from elsewhere"
fi
ls_mpi_settings
ls_build fuzz
export OMP_NUM_THREADS=1
# What ends in HDF5 leaves its memory behind; in the other targets libFuzzer looks for leaks.
# A request of lockstep for more than max_allocation_size_mb fails, and that is a finding; one of
# HDF5 may fail, too, or is never written to: there the memory in use is what counts.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=4096
export UBSAN_OPTIONS=print_stacktrace=1
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
[ ! -w /dev/shm ] || TMPDIR=$(mktemp -d -p /dev/shm)
export TMPDIR=${TMPDIR:-$work}
trap 'rm -rf -- "$work" "$TMPDIR"' EXIT
python=$(command -v /usr/bin/python3 || command -v python3)
PYTHONDONTWRITEBYTECODE=1 "$python" "$ls_home/tests/fuzz/seeds.py" "$ls_build_dir/lockstep" \
    "$work/seeds" || ls_die "the seeds could not be made"

export FUZZ_TEMPLATES=$work/seeds/templates

# fuzz TARGET: runs it until the time is up, again after each finding, at most ten times.
fuzz() {
    local target=$1 found=$ls_build_dir/found/$1 corpus=$ls_build_dir/corpus/$1 log=$work/$1.log
    local began left run options=() leaks=1
    began=$(ls_now)
    rm -rf -- "$found"
    mkdir -p -- "$found" "$corpus"
    [ ! -f "$work/seeds/$target.dict" ] || options+=("-dict=$work/seeds/$target.dict")
    if grep -q 'fuzz_apart(run' "$ls_home/tests/fuzz/fuzz_$target.c"; then
        leaks=0
        options+=(-malloc_limit_mb=8192)
    fi
    for run in 1 2 3 4 5 6 7 8 9 10; do
        left=$((seconds - ($(ls_now) - began)))
        if [ "$left" -le 0 ] || [ ! -d "$work/seeds" ]; then break; fi
        if FUZZ_KEEP=$found ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=$leaks" \
            "$ls_build_dir/tests/fuzz/fuzz_$target" "${options[@]}" -max_len=32768 -timeout=30 \
            -rss_limit_mb=1536 -max_total_time="$left" -print_final_stats=1 \
            -artifact_prefix="$found/" "$corpus" "$work/seeds/$target" >"$log.$run" 2>&1; then
            break
        fi
        grep -a -E -m1 -A40 'ERROR|runtime error|finding:' "$log.$run" \
            >"$found/report-$run.txt" || true
    done
}

# sum TARGET PATTERN: the sum of the last field over the runs of a target.
sum() {
    cat "$work/$1".log.* | awk -v p="$2" '$0 ~ p { s += $NF } END { printf "%d", s }'
}

row() {
    local target=$1 found=$ls_build_dir/found/$1 coverage ours theirs
    coverage=$(cat "$work/$target".log.* | sed -n 's/.* cov: \([0-9]*\).*/\1/p' | sort -n | tail -n 1)
    ours=$(find "$found" -type f -name '[a-z]*-*' ! -name 'hdf5-*' ! -name 'report-*' | wc -l)
    theirs=$(find "$found" -type f -name 'hdf5-*' | wc -l)
    printf '%-12s %12s %9s %9s %9s\n' "$target" "$(sum "$target" number_of_executed_units)" \
        "${coverage:-0}" "$ours" "$theirs"
    findings=$((findings + ours))
}

ls_say "fuzzing ${targets[*]} for $seconds s each, two at a time ..."
began=$(ls_now)
for target in "${targets[@]}"; do
    [ -x "$ls_build_dir/tests/fuzz/fuzz_$target" ] || ls_die "there is no target $target"
    while [ "$(jobs -pr | wc -l)" -ge 2 ]; do wait -n || true; done
    fuzz "$target" &
done
wait
findings=0
printf '%-12s %12s %9s %9s %9s\n' target executions coverage findings 'in HDF5'
for target in "${targets[@]}"; do row "$target"; done
grep -ahE '^in HDF5' "$work"/*.log.* | sed 's/^/  /;s| /.*/found/| |' | sort -u || true
ls_say "done in $(ls_since "$began")"
if [ "$findings" -gt 0 ]; then
    for report in "$ls_build_dir"/found/*/report-*; do
        ls_say "-- $report"
        head -n 12 -- "$report"
    done
    ls_die "$findings findings" "an input and a report of each are in $ls_build_dir/found/"
fi

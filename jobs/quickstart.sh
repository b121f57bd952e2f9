#!/usr/bin/env bash
# From a fresh machine to a trained model: installs what is missing, builds lockstep, imports
# Fashion-MNIST, trains on two MPI ranks, evaluates on the 10,000 test images, shows the result.
#
# Why here: the first command of the README. What is already there is kept, so it can be run
# again at any time. Never overwrites a finished run.
# Where lockstep fails, it has said why: the script ends with its exit code.
set -euo pipefail
# shellcheck source=jobs/lib/lockstep.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib/lockstep.sh"

usage() {
    cat <<'END'
usage: jobs/quickstart.sh [--no-install] [--set key=value]...

  --no-install     do not install packages
  --set key=value  a change to configs/fashion-mnist.yaml, handed to lockstep train

environment:
  LOCKSTEP_WORK      where build/, data/ and runs/ go (default: the repository's folder)
  LOCKSTEP           a lockstep program to use instead of building one
  FASHION_MNIST_DIR  a folder with the four Fashion-MNIST files (default: where Debian's
                     package dataset-fashion-mnist puts them)
END
}

install=yes
overrides=()
while [ $# -gt 0 ]; do
    case $1 in
    --no-install) install=no ;;
    --set)
        [ $# -gt 1 ] || ls_die "--set needs key=value"
        overrides+=(--set "$2")
        shift
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) ls_die "unknown option $1" "see $0 --help" ;;
    esac
    shift
done

began=$(ls_now)
ls_need_work_folder
images=${FASHION_MNIST_DIR:-/usr/share/datasets/fashion-mnist}
train_file=$ls_work/data/fashion-mnist-train.h5
test_file=$ls_work/data/fashion-mnist-test.h5
run=$ls_work/runs/fashion-mnist
# An installed copy of this script has its program already.
builds=yes
if [ -n "${LOCKSTEP:-}" ] || [ ! -f "$ls_home/CMakeLists.txt" ]; then
    builds=no
fi

# idx_file NAME: the path of one of the four files, gzip or not; empty where there is none.
idx_file() {
    local path
    for path in "$images/$1.gz" "$images/$1"; do
        if [ -f "$path" ]; then
            printf '%s' "$path"
            return
        fi
    done
}

# time_of FILE: when it was last written, empty where it is not there.
time_of() {
    stat -c %y -- "$1" 2>/dev/null || true
}

step_packages() {
    local did=""
    if [ "$install" = no ]; then
        did=", not looked at (--no-install)"
    else
        # One by one: what apt cannot give may be there from elsewhere, the next steps will tell.
        if [ "$builds" = yes ]; then
            ls_install build || true
            did="$did, for the build $ls_installed"
        fi
        if [ -z "${FASHION_MNIST_DIR:-}" ]; then
            ls_install quickstart || true
            did="$did, for the data $ls_installed"
        fi
    fi
    did=${did#, }
    ls_say "[1/5] packages: ${did:-none needed}"
}

step_build() {
    local begin before options=()
    begin=$(ls_now)
    if [ "$builds" = yes ]; then
        # The tests need packages of their own; a folder that is built with them stays so.
        [ -f "$ls_work/build/release/CMakeCache.txt" ] || options=(-DLS_TESTS=OFF)
        before=$(time_of "$ls_work/build/release/lockstep")
        ls_say "[2/5] build: compiling (the compiler's output: $ls_work/build/release/build.log) ..."
        ls_build release "${options[@]}"
        if [ "$before" = "$(time_of "$ls_build_dir/lockstep")" ]; then
            ls_say "[2/5] build: already there"
        else
            ls_say "[2/5] build: done in $(ls_since "$begin")"
        fi
    else
        ls_say "[2/5] build: not needed"
    fi
    lockstep=$(ls_program)
    [ -n "$lockstep" ] || ls_die "there is no lockstep program" \
        "put it on the path, or name it: LOCKSTEP=PATH $0"
}

# import_part PREFIX OUT: one pair of IDX files to one dataset file.
import_part() {
    local pixels labels
    pixels=$(idx_file "$1-images-idx3-ubyte")
    labels=$(idx_file "$1-labels-idx1-ubyte")
    if [ -z "$pixels" ] || [ -z "$labels" ]; then
        ls_die "$images: the Fashion-MNIST files are not there" \
            "install Debian's package dataset-fashion-mnist, or fetch train-images-idx3-ubyte.gz,
  train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz as
  https://github.com/zalandoresearch/fashion-mnist says, and run: FASHION_MNIST_DIR=DIR $0"
    fi
    "$lockstep" import idx "$pixels" "$labels" -o "$2"
}

step_data() {
    local began_import did="already there"
    began_import=$(ls_now)
    mkdir -p -- "$ls_work/data"
    if [ ! -f "$train_file" ]; then
        import_part train "$train_file"
        did="imported in"
    fi
    if [ ! -f "$test_file" ]; then
        import_part t10k "$test_file"
        did="imported in"
    fi
    [ "$did" = "already there" ] || did="$did $(ls_since "$began_import")"
    ls_say "[3/5] data: $did (data/fashion-mnist-train.h5, data/fashion-mnist-test.h5)"
}

step_train() {
    local begin before code=0 file=()
    # The config names its data relative to itself.
    if [ "$ls_work" != "$ls_home" ]; then
        file=(--set "data.file='${train_file//\'/\'\'}'")
    fi
    command -v mpirun >/dev/null ||
        ls_die "there is no mpirun" "install Open MPI, or load its module: module load OpenMPI"
    begin=$(ls_now)
    before=$(time_of "$run/checkpoints/last.h5")
    ls_say "[4/5] training: mpirun -n 2 lockstep train configs/fashion-mnist.yaml"
    mpirun -n 2 "$lockstep" train "$ls_home/configs/fashion-mnist.yaml" --run-dir "$run" --resume \
        "${file[@]}" "${overrides[@]}" || code=$?
    case $code in
    0) ;;
    75)
        ls_say "[4/5] training: stopped early; go on with: $0"
        exit 75
        ;;
    *)
        [ -z "$before" ] || ls_say "to train from the beginning, remove $run" >&2
        exit "$code"
        ;;
    esac
    trained=$(ls_since "$begin")
    if [ "$before" = "$(time_of "$run/checkpoints/last.h5")" ]; then
        trained="already there (to train again, remove the run directory)"
        ls_say "[4/5] training: already there"
    else
        ls_say "[4/5] training: done in $trained"
    fi
}

# Of a key, where it first stands: the object's own come before those inside.
first_number() {
    sed -n "/\"$1\" *:/{s/.*\"$1\" *: *\([0-9.eE+-]*\).*/\1/p;q}"
}

step_evaluate() {
    local json
    json=$("$lockstep" evaluate "$run" --data "$test_file" --json)
    accuracy=$(first_number accuracy <<<"$json")
    samples=$(first_number samples <<<"$json")
    [ -n "$accuracy" ] || ls_die "lockstep evaluate gave no accuracy: $json"
    ls_say "[5/5] evaluation: done"
}

step_packages
ls_mpi_settings
step_build
step_data
# The ranks divide the cores: lockstep counts them itself.
step_train
step_evaluate

cat <<END

test accuracy   $(LC_ALL=C printf '%.4f' "$accuracy") on $samples images
training        $trained
everything      $(ls_since "$began")
run directory   $run
look at it      $(printf '%q inspect %q' "$lockstep" "$run")
END

# Functions that lockstep's shell scripts share: messages, packages, Open MPI's settings, the build.
#
# Why here: jobs/ is installed as a whole, so that its scripts also work without the source tree;
# tests/run.sh and .ci/run use the same functions. Sourced by bash, never run; never changes
# anything outside the folder of the work but packages, and those only through apt.
# shellcheck shell=bash
# shellcheck disable=SC2034  # the scripts read what these functions set

# The folder above jobs/: the source tree, or <prefix>/share/lockstep once installed.
ls_home=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
# Where build/, data/ and runs/ go.
ls_work=${LOCKSTEP_WORK:-$ls_home}

# One row a package: its group, its name in Debian and Ubuntu, in Spack, in EasyBuild and in most
# clusters' modules.
#   build: to build and run      quickstart: jobs/quickstart.sh   download: jobs/*-download.sh
#   test: to pass the tests      parity: tests beside PyTorch, which are skipped without
#   check: the further checks of .ci/run
#   slurm: a Slurm to test the batch scripts on, as root
ls_package_table() {
    local elsewhere='libxsmm|libdnnl' # for x86 processors only, and there optional
    [ "$(uname -m)" = x86_64 ] && elsewhere='^$'
    grep -Ev "$elsewhere" <<'END'
build       build-essential         gcc                      GCC
build       cmake                   cmake                    CMake
build       ninja-build             ninja                    Ninja
build       pkg-config              pkgconf                  pkgconf
build       git                     git                      git
build       libopenmpi-dev          openmpi                  OpenMPI
build       openmpi-bin             openmpi                  OpenMPI
build       libopenblas-openmp-dev  openblas+threads=openmp  OpenBLAS
build       libhdf5-dev             hdf5~mpi                 HDF5
build       libyaml-dev             libyaml                  libyaml
build       libjansson-dev          jansson                  Jansson
build       zlib1g-dev              zlib                     zlib
build       libxxhash-dev           xxhash                   xxHash
build       librandom123-dev        random123                Random123
build       libsleef-dev            sleef                    SLEEF
build       libxsmm-dev             libxsmm                  libxsmm
build       libdnnl-dev             onednn@2                 oneDNN
quickstart  dataset-fashion-mnist   -                        -
download    curl                    curl                     cURL
test        libcmocka-dev           cmocka                   cmocka
test        python3-h5py            py-h5py                  h5py
test        python3-numpy           py-numpy                 SciPy-bundle
test        python3-xxhash          py-xxhash                xxhash
test        curl                    curl                     cURL
parity      python3-torch           py-torch                 PyTorch
parity      python3-sklearn         py-scikit-learn          scikit-learn
check       ccache                  ccache                   ccache
check       clang-format            llvm                     Clang
check       clang-tidy              llvm                     Clang
check       clang                   llvm                     Clang
check       libclang-rt-dev         llvm                     Clang
check       llvm                    llvm                     Clang
check       libomp-dev              llvm                     Clang
check       cppcheck                cppcheck                 cppcheck
check       shellcheck              shellcheck               ShellCheck
check       valgrind                valgrind                 Valgrind
slurm       slurm-wlm               -                        -
slurm       munge                   -                        -
END
}

# ls_packages COLUMN GROUP...: the names in a column (2 Debian, 3 Spack, 4 EasyBuild), on one line.
ls_packages() {
    local column=$1 groups=" ${*:2} "
    ls_package_table | awk -v c="$column" -v groups="$groups" '
        index(groups, " " $1 " ") && $c != "-" && !seen[$c]++ {
            name = $c
            sub(/openblas\+/, "openblas ", name)
            printf "%s%s", sep, name
            sep = " "
        }'
}

ls_say() {
    printf '%s\n' "$*"
}

# ls_die MESSAGE [HINT]: ends the script with one error, as lockstep itself words it.
ls_die() {
    printf '%s: error: %s\n' "${0##*/}" "$1" >&2
    [ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

# Seconds since the epoch, and the time since then in words.
ls_now() {
    date +%s
}
ls_since() {
    local s=$(($(ls_now) - $1))
    if [ "$s" -lt 60 ]; then printf '%d s' "$s"; else printf '%d min %02d s' $((s / 60)) $((s % 60)); fi
}

# The cores that this process may use, whatever OMP_NUM_THREADS says.
ls_cores() {
    OMP_NUM_THREADS='' OMP_THREAD_LIMIT='' nproc 2>/dev/null || getconf _NPROCESSORS_ONLN
}

# ls_as_root COMMAND...: runs it as root: at once, or with sudo where that asks no password.
ls_as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n -- "$@"; fi
}
ls_can_be_root() {
    [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null
}

# ls_missing GROUP...: the Debian packages of these groups that are not installed.
ls_missing() {
    local name
    # shellcheck disable=SC2046  # one word a package
    for name in $(ls_packages 2 "$@"); do
        dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed ||
            printf '%s ' "$name"
    done
}

# ls_how_to_install GROUP...: what to type where this script cannot install.
ls_how_to_install() {
    ls_say "  Debian, Ubuntu:     apt-get install --no-install-recommends $(ls_packages 2 "$@")"
    [ -n "$(ls_packages 3 "$@")" ] || return 0
    ls_say "  Spack:              spack install $(ls_packages 3 "$@")"
    ls_say "  EasyBuild, modules: module load $(ls_packages 4 "$@")"
}

# ls_install GROUP...: installs what is missing of these groups with apt. Sets ls_installed to
# what happened, in words. Returns 1, having said what to do, where it cannot; what follows may
# still succeed there, since packages come from elsewhere too.
ls_install() {
    local missing names log failed=0
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        ls_installed="not checked (no apt)"
        ls_say "This system has no apt; lockstep needs, where they are not there yet:"
        ls_how_to_install "$@"
        return 1
    fi
    missing=$(ls_missing "$@")
    if [ -z "$missing" ]; then
        ls_installed="already there"
        return 0
    fi
    if ! ls_can_be_root; then
        read -ra names <<<"$missing"
        ls_installed="${#names[@]} are missing"
        ls_say "These packages are missing, and only root can install them:"
        ls_say "  sudo apt-get update"
        ls_say "  sudo apt-get install --no-install-recommends ${missing% }"
        return 1
    fi
    ls_say "installing ${missing% }"
    log=$(mktemp) || return 1
    # An index that cannot be refreshed may still do.
    ls_as_root apt-get -q -o DPkg::Lock::Timeout=600 update >"$log" 2>&1 || true
    # shellcheck disable=SC2086  # one word a package
    ls_as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy -o DPkg::Lock::Timeout=600 \
        install --no-install-recommends $missing >>"$log" 2>&1 || failed=1
    if [ "$failed" -ne 0 ]; then
        ls_installed="apt failed"
        tail -n 8 "$log" >&2
        ls_say "apt could not install them; try: apt-get install --no-install-recommends ${missing% }"
    else
        read -ra names <<<"$missing"
        ls_installed="installed ${#names[@]} packages"
    fi
    rm -f "$log"
    return "$failed"
}

# What Open MPI needs to start more ranks than it counts slots, on any machine and as root.
ls_mpi_settings() {
    if [ "$(id -u)" -eq 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    # Names of Open MPI 4, then those of 5. Without binding, threads spread over all cores.
    export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
    export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
    export PRTE_MCA_hwloc_default_binding_policy=none
}

# Whether the folder of the work can be written; ends the script where it cannot.
ls_need_work_folder() {
    if ! mkdir -p -- "$ls_work" 2>/dev/null || [ ! -w "$ls_work" ]; then
        ls_die "$ls_work cannot be written" \
            "choose another folder for build/, data/ and runs/: LOCKSTEP_WORK=DIR $0"
    fi
    ls_work=$(cd -- "$ls_work" && pwd -P)
}

# ls_build PRESET CMAKE-OPTION...: configures and builds build/PRESET of the work folder, with the
# compiler's output in a log of which only the end is shown, when it fails. Sets ls_build_dir.
ls_build() {
    local preset=$1 log tool
    ls_build_dir=$ls_work/build/$preset
    for tool in cmake ninja; do
        command -v "$tool" >/dev/null ||
            ls_die "there is no $tool" "install what the build needs:
$(ls_how_to_install build)"
    done
    if ! mkdir -p -- "$ls_build_dir" 2>/dev/null || [ ! -w "$ls_build_dir" ]; then
        ls_die "$ls_build_dir cannot be written" \
            "another user built here: remove it, or choose another folder: LOCKSTEP_WORK=DIR $0"
    fi
    # A build folder that was moved with its tree is configured anew.
    grep -qsxF "CMAKE_HOME_DIRECTORY:INTERNAL=$ls_home" "$ls_build_dir/CMakeCache.txt" ||
        rm -rf -- "$ls_build_dir/CMakeCache.txt" "$ls_build_dir/CMakeFiles"
    log=$ls_build_dir/build.log
    if ! (cd -- "$ls_home" && cmake --preset "$preset" -B "$ls_build_dir" "${@:2}") \
        >"$log" 2>&1; then
        tail -n 25 "$log" >&2
        ls_die "cmake could not configure $ls_build_dir" "install what the build needs:
$(ls_how_to_install build)"
    fi
    if ! cmake --build "$ls_build_dir" --parallel "$(ls_cores)" >>"$log" 2>&1; then
        grep -E -A6 '^FAILED|error:|undefined reference' "$log" | head -n 40 >&2
        ls_die "the build failed" "the whole log: $log"
    fi
}

# The lockstep program: LOCKSTEP, what was built here, what was installed beside this script, or
# what the path has; empty where there is none.
ls_program() {
    local candidate
    for candidate in "${LOCKSTEP:-}" "$ls_work/build/release/lockstep" \
        "$ls_home/build/release/lockstep" "$ls_home/../../bin/lockstep"; do
        if [ -n "$candidate" ] && [ -x "$candidate" ] && [ ! -d "$candidate" ]; then
            printf '%s' "$candidate"
            return 0
        fi
    done
    command -v lockstep || true
}

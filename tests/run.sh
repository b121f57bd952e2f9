#!/usr/bin/env bash
# Installs what the tests need, builds and runs them all.
#
# Why here: the second command of the README; .ci/run calls it too. Works from any folder, as root
# and as an ordinary user. Never changes anything but packages and the build folder.
set -euo pipefail
# shellcheck source=jobs/lib/lockstep.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../jobs/lib/lockstep.sh"

usage() {
    cat <<'END'
usage: tests/run.sh [--no-install] [PRESET] [-- CTEST-OPTION...]

  PRESET        release (default), debug, asan-ubsan, tsan or coverage
  --no-install  do not install packages
  CTEST-OPTION  for example -R import, -L cli

environment:
  LOCKSTEP_WORK  where build/ goes (default: the repository's folder)
  LS_FAULT_TESTS ON: with tests/faults, which takes many minutes
  LS_WERROR      ON: warnings are errors (as .ci/run does; a newer compiler may know more of them)
END
}

install=yes
preset=release
while [ $# -gt 0 ]; do
    case $1 in
    --no-install) install=no ;;
    -h | --help)
        usage
        exit 0
        ;;
    --)
        shift
        break
        ;;
    -*) ls_die "unknown option $1" "see $0 --help" ;;
    *) preset=$1 ;;
    esac
    shift
done

began=$(ls_now)
ls_need_work_folder
if [ "$install" = yes ]; then
    ls_install build test || ls_say "going on, in case they are there from elsewhere"
    ls_say "packages: $ls_installed"
    # Without these the comparisons with PyTorch say that they are skipped.
    python=$(command -v /usr/bin/python3 || command -v python3 || true)
    if [ -z "$python" ] || ! "$python" -c '
from importlib.util import find_spec
raise SystemExit(not (find_spec("torch") and find_spec("sklearn")))'; then
        ls_say "note: the parity tests will be skipped; they need: $(ls_packages 2 parity)"
    fi
fi
ls_mpi_settings
ls_say "building build/$preset ..."
ls_build "$preset" -DLS_TESTS=ON "-DLS_FAULT_TESTS=${LS_FAULT_TESTS:-OFF}" ${LS_WERROR:+"-DLS_WERROR=$LS_WERROR"}
ls_say "built in $(ls_since "$began")"

# One test more than cores: most of them wait more than they count.
cores=$(ls_cores)
code=0
ctest --test-dir "$ls_build_dir" --output-on-failure --parallel $((cores > 1 ? cores + 1 : 2)) "$@" ||
    code=$?
if [ "$code" -ne 0 ]; then
    ls_say "those that failed, once more: ctest --test-dir $ls_build_dir --rerun-failed" \
        "--output-on-failure"
fi
exit "$code"

#!/usr/bin/env bash
# lockstep and PyTorch side by side: milliseconds a step of the same networks on this machine, in
# turns, in one run. The newest PyTorch that pip installs here, and Debian's where it is installed.
#
# Why here: a time says little on a machine that is shared, a ratio of two that were taken in turns
# does. Never changes anything outside a temporary folder and the one of --venv.
set -euo pipefail
# shellcheck source=jobs/lib/lockstep.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../jobs/lib/lockstep.sh"

usage() {
    cat <<'USAGE'
usage: tests/bench/compare_pytorch.sh [OPTION...]

  --shapes NAME...  of gtex protein-coding candle-p1b2 digits square (default: all)
  --repeat N        rounds of which a figure is the median (5)
  --quick           one round with one epoch, to see that everything works
  --threads N       threads of one process (default: the cores)
  --venv DIR        keep pip's PyTorch there, and use it when it is there already
  --no-pip          only Debian's PyTorch (python3-torch)

environment:
  LOCKSTEP       the program (default: build/release/lockstep)
  PIP_INDEX_URL  where pip looks: PyTorch's own index of CPU builds saves most of the download,
                 which is some GB with what graphics cards need
USAGE
}

venv='' pip=yes threads=$(ls_cores)
options=()
while [ $# -gt 0 ]; do
    case $1 in
    --venv | --threads)
        [ $# -ge 2 ] || ls_die "$1 needs a value" "see $0 --help"
        if [ "$1" = --venv ]; then venv=$2; else threads=$2; fi
        shift
        ;;
    --no-pip) pip=no ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) options+=("$1") ;; # compare_pytorch.py knows them
    esac
    shift
done

LOCKSTEP=${LOCKSTEP:-$ls_work/build/release/lockstep}
[ -x "$LOCKSTEP" ] || ls_die "there is no $LOCKSTEP" \
    "build it (cmake --preset release && cmake --build --preset release), or name it: LOCKSTEP=..."
export LOCKSTEP
ls_mpi_settings

temporary=$(mktemp -d -t lockstep-bench-XXXXXX)
trap 'rm -rf -- "$temporary"' EXIT
[ -n "$venv" ] || venv=$temporary/venv

has_torch() {
    [ -x "$1" ] && "$1" -c 'import torch' 2>/dev/null
}

# The newest PyTorch, in a venv.
install_torch() {
    local began
    began=$(ls_now)
    python3 -m venv "$venv" ||
        ls_die "python3 made no venv in $venv" "install python3-venv, or try --no-pip"
    ls_say "installing torch by pip ..."
    "$venv/bin/python" -m pip install --quiet torch ||
        ls_die "pip could not install torch" "try --no-pip, or set PIP_INDEX_URL"
    ls_say "installed in $(ls_since "$began")"
}

pythons=()
if [ "$pip" = yes ]; then
    has_torch "$venv/bin/python" || install_torch
    has_torch "$venv/bin/python" || ls_die "$venv: its torch can not be imported"
    pythons+=(--python "$venv/bin/python")
fi
if has_torch /usr/bin/python3; then
    pythons+=(--python /usr/bin/python3)
else
    ls_say "Debian's PyTorch (python3-torch) is not there"
fi
[ ${#pythons[@]} -gt 0 ] || ls_die "there is no PyTorch to compare with" \
    "leave out --no-pip, or install python3-torch"

python3 "$ls_home/tests/bench/compare_pytorch.py" "${pythons[@]}" --threads "$threads" \
    ${options[@]+"${options[@]}"}

#!/usr/bin/env bash
# Static analysis: layout by clang-format, faults by cppcheck, clang-tidy and shellcheck.
#
# Why here: too slow for CTest and bound to the tools' versions, so .ci/run calls it (and anybody
# by hand). Says which tool is missing; --need-all makes that an error. Never changes a file.
#
# usage: tests/lint/static_analysis.sh [--need-all] BUILD-FOLDER
#   BUILD-FOLDER  one that CMake has configured (compile_commands.json)
set -uo pipefail
# shellcheck source=jobs/lib/lockstep.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../jobs/lib/lockstep.sh"

need_all=no
if [ "${1:-}" = --need-all ]; then
    need_all=yes
    shift
fi
[ $# -eq 1 ] || ls_die "name the build folder" "for example: $0 build/debug"
[ -f "$1/compile_commands.json" ] ||
    ls_die "$1: there is no compile_commands.json" "configure it first: cmake --preset debug"
build=$(cd -- "$1" && pwd -P)
cd -- "$ls_home" || exit 1

failed=()

# check NAME TOOL COMMAND...: runs one check and remembers whether it failed.
check() {
    local name=$1 tool=$2 begin
    shift 2
    if ! command -v "$tool" >/dev/null; then
        ls_say "$name: skipped, there is no $tool (apt-get install $tool)"
        [ "$need_all" = no ] || failed+=("$name")
        return
    fi
    begin=$(ls_now)
    if "$@"; then
        ls_say "$name: passed ($(ls_since "$begin"))"
    else
        failed+=("$name")
        ls_say "$name: failed ($(ls_since "$begin"))"
    fi
}

c_files() {
    find include src tests -name '*.[ch]' -print0 | sort -z
}

check_format() {
    c_files | xargs -0 clang-format --dry-run -Werror
}

# The sources of the modules only: tests and generated files are built with the same warnings.
check_cppcheck() {
    cppcheck --project="$build/compile_commands.json" --file-filter="$ls_home/src/*" \
        --enable=warning,performance,portability --inline-suppr --quiet --error-exitcode=1 \
        --suppressions-list=tests/lint/cppcheck.supp -j "$(ls_cores)"
}

check_tidy() {
    find src -name '*.c' -print0 | sort -z |
        xargs -0 -n 4 -P "$(ls_cores)" clang-tidy -p "$build" --quiet --use-color=false 2>/dev/null
}

check_shell() {
    find jobs tests .ci -type f \( -name '*.sh' -o -name '*.sbatch' -o -path '.ci/run' \) -print0 |
        xargs -0 shellcheck -x -P SCRIPTDIR
}

check clang-format clang-format check_format
check cppcheck cppcheck check_cppcheck
check clang-tidy clang-tidy check_tidy
check shellcheck shellcheck check_shell
if [ "${#failed[@]}" -gt 0 ]; then
    ls_die "static analysis: ${failed[*]}"
fi

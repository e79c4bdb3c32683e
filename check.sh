#!/bin/sh
# The one command that checks Weir.
#
#   ./check.sh             everything: builds what it needs, runs every suite of tools/checks
#   ./check.sh --quick     the inner loop: release build, the suites that say "# quick"
#   ./check.sh NAME...     these suites alone (./check.sh --list names them)
#
# The last line is "N passed, N failed"; the exit code is 0 when nothing failed. Missing Debian packages are installed first
# (tools/deps.sh).
set -u
cd "$(dirname "$0")" || exit 1
export WEIR_ROOT="$PWD"
export WEIR_BUILD_ROOT="${WEIR_BUILD_ROOT:-$PWD/build}"
export WEIR_BUILD="$WEIR_BUILD_ROOT/release"
export WEIR_QUICK=0
suite_seconds_max=1200

suites() { find tools/checks -maxdepth 1 -type f -name '[0-9]*-*' -perm -u+x | sort; }
name_of() { basename "$1" | sed 's/^[0-9]*-//'; }

wanted=""
for argument in "$@"; do
    case $argument in
    --quick) WEIR_QUICK=1 ;;
    --list)
        for suite in $(suites); do name_of "$suite"; done
        exit 0
        ;;
    -*)
        echo "check.sh: unknown option '$argument'; expected --quick, --list or names of suites" >&2
        exit 2
        ;;
    *)
        found=""
        for suite in $(suites); do [ "$(name_of "$suite")" = "$argument" ] && found=$suite; done
        if [ -z "$found" ]; then
            echo "check.sh: no suite '$argument'; there are: $(for suite in $(suites); do name_of "$suite"; done | tr '\n' ' ')" >&2
            exit 2
        fi
        wanted="$wanted $found"
        ;;
    esac
done
if [ -z "$wanted" ]; then
    for suite in $(suites); do
        if [ $WEIR_QUICK = 1 ] && ! head -5 "$suite" | grep -q '^# quick$'; then continue; fi
        wanted="$wanted $suite"
    done
fi

tools/deps.sh --check 2>/dev/null || tools/deps.sh || exit 1

passed=0
failed=0
failed_names=""
log=$(mktemp)
trap 'rm -f "$log"' EXIT
started=$(date +%s)

echo "== build"
# shellcheck source=tools/checks/common.sh
if ! (. tools/checks/common.sh && build_preset release); then
    failed=1
    failed_names=" build"
    wanted=""
fi
for suite in $wanted; do
    name=$(name_of "$suite")
    echo "== $name"
    before=$(date +%s)
    timeout $suite_seconds_max "$suite" 2>&1 | tee "$log"
    summary=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
    if [ -z "$summary" ]; then
        echo "the suite '$name' ended without a summary (or took more than $suite_seconds_max s)"
        summary="0 passed, 1 failed"
    fi
    good=${summary%% *}
    bad=$(echo "$summary" | sed 's/^[0-9]* passed, \([0-9]*\) failed.*/\1/')
    passed=$((passed + good))
    failed=$((failed + bad))
    [ "$bad" -eq 0 ] || failed_names="$failed_names $name"
    echo "   $(($(date +%s) - before)) s"
done
echo "== $(($(date +%s) - started)) s${failed_names:+; failed:$failed_names}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

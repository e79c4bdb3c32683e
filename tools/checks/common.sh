# Sourced by the suites of tools/checks. A suite prints what it does and ends with a line "N passed, N failed"; check.sh adds
# them up. The line "# quick" near the top of a suite puts it into ./check.sh --quick.
#
#   WEIR_BUILD        build directory of the preset release (built by check.sh before the first suite)
#   WEIR_BUILD_ROOT   where the other presets are built: $WEIR_BUILD_ROOT/<preset>
#   WEIR_QUICK        1 in the inner loop

set -u
cd "${WEIR_ROOT:-$(dirname "$0")/../..}" || exit 1
WEIR_ROOT=$PWD
WEIR_BUILD_ROOT=${WEIR_BUILD_ROOT:-$WEIR_ROOT/build}
WEIR_BUILD=${WEIR_BUILD:-$WEIR_BUILD_ROOT/release}
WEIR_QUICK=${WEIR_QUICK:-0}

# build_preset PRESET [target...]: configures and builds quietly; prints the errors and fails when it fails.
build_preset() {
    preset=$1
    shift
    log=$(mktemp)
    if cmake --preset "$preset" -B "$WEIR_BUILD_ROOT/$preset" >"$log" 2>&1 &&
        cmake --build "$WEIR_BUILD_ROOT/$preset" ${1:+--target "$@"} >"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    grep -E -A 6 'error|FAILED|CMake Error|undefined reference' "$log" | head -60
    echo "the build of preset '$preset' failed"
    rm -f "$log"
    return 1
}

# build_or_fail PRESET [target...]: the same, and ends the suite when it fails.
build_or_fail() {
    build_preset "$@" || {
        echo "0 passed, 1 failed"
        exit 1
    }
}

# run_unit_tests BUILD [ctest option...]: runs test binaries, counts test functions, ends the suite.
run_unit_tests() {
    build=$1
    shift
    log=$(mktemp)
    ctest --test-dir "$build" -L unit -j "$(nproc)" --verbose "$@" >"$log" 2>&1
    code=$?
    passed=$(sed -n 's/.*\[  PASSED  \] \([0-9]*\) test(s)\..*/\1/p' "$log" | awk '{ sum += $1 } END { print sum + 0 }')
    failed=$(sed -n 's/.*tests passed, \([0-9]*\) tests* failed out of.*/\1/p' "$log" | awk '{ sum += $1 } END { print sum + 0 }')
    if [ $code -ne 0 ]; then
        [ "$failed" -gt 0 ] || failed=1
        ctest --test-dir "$build" -L unit --rerun-failed --output-on-failure "$@" 2>&1 |
            grep -vE '^\[ RUN|^\[       OK|^[0-9]+: \[ RUN' | tail -150
    fi
    if [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ]; then
        echo "no test was found"
        failed=1
    fi
    rm -f "$log"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# sum_and_end: reads the outputs of several programs on stdin, prints what is not "ok", adds up their summary lines.
sum_and_end() {
    awk '/^[0-9]+ passed, [0-9]+ failed/ { passed += $1; failed += $3; next }
        !/^ok / { print }
        END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }'
}

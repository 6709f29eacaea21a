#!/usr/bin/env bash
# Measures the coverage of C (gcov) and Lua (a line hook) by the whole suite on Lua 5.4, and checks
# the bounds: 80 % of the lines of each, 95 % of the branches in csrc/core.
set -u
cd "$(dirname "$0")/.."
rm -rf build/cov build/coverage
mkdir -p build/coverage
make -j2 --no-print-directory BUILD=build/cov CFLAGS='-O0 -g' INSTRUMENT='--coverage' LUAS=lua5.4 \
    build >build/coverage/build.log 2>&1 || { tail -n 30 build/coverage/build.log; exit 1; }
# shellcheck disable=SC2046
gcc -O2 -shared -fPIC $(pkg-config --cflags lua5.4) -o build/cov/line_hook.so spec/c/line_hook.c || exit 1
GP_LINE_HOOK=$PWD/build/cov/line_hook.so GP_COVERAGE=$PWD/build/coverage LUA_INIT="@$PWD/spec/support/coverage.lua" \
    BUILD=build/cov SUITE=coverage scripts/spec.sh lua5.4 "${@:-spec}" >build/coverage/specs.log 2>&1 \
    || { tail -n 60 build/coverage/specs.log; exit 1; }
tail -n 1 build/coverage/specs.log
scripts/check.sh coverage lua5.4 scripts/coverage.lua
status=$?
cat build/results/check-coverage.log
exit $status

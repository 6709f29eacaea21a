#!/usr/bin/env bash
# Runs the specs and keeps each suite's count for the closing line.
# usage: scripts/spec.sh LUA|all [busted's arguments]   (environment: BUILD, SUITE, GP_LUA)
# GP_LUA is the interpreter that specs start for processes of their own.
set -u
cd "$(dirname "$0")/.."
build=${BUILD:-build}
root=$PWD
case $build in /*) ;; *) build=$root/$build ;; esac
results=$root/build/results
mkdir -p "$results"

one() { # lua, arguments
    local lua=$1; shift
    local suite=${SUITE:-$lua} log
    log=$results/$suite.log
    echo "== specs under $suite"
    LUA_PATH="$root/lua/?.lua;$root/lua/?/init.lua;;" \
    LUA_CPATH="$build/$lua/?.so;;" GP_LUA=${GP_LUA:-$lua} GP_BUILD=$build/$lua \
        "${GP_LUA:-$lua}" spec/support/run.lua "$@" 2>&1 | tee "$log"
    local status=${PIPESTATUS[0]}
    local passed failed
    read -r passed failed < <(awk '
        / success(es)? \/ [0-9]+ failure/ { passed += $1; failed += $4 + $7; seen = 1 }
        END { print passed + 0, failed + !seen }' "$log")
    # A run that died without saying so is a failure too.
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
    echo "$passed $failed" >"$results/$suite.count"
    [ "$failed" -eq 0 ]
}

lua=$1; shift
if [ "$lua" = all ]; then
    worst=0
    for lua in lua5.4 lua5.3 luajit; do one "$lua" "${@:-spec}" || worst=1; done
    exit $worst
fi
one "$lua" "${@:-spec}"

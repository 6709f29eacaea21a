#!/usr/bin/env bash
# Runs the specs and records each suite's count for the final summary.
# usage: scripts/spec.sh LUA|all [busted's arguments]   (environment: BUILD, SUITE, GP_LUA)
# GP_LUA is the interpreter that specs use for child processes.
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
    LUA_PATH="$root/lua/?.lua;$root/lua/?/init.lua;;" \
    LUA_CPATH="$build/$lua/?.so;;" GP_LUA=${GP_LUA:-$lua} GP_BUILD=$build/$lua \
        "${GP_LUA:-$lua}" spec/support/run.lua "$@" >"$log" 2>&1
    local status=$?
    local passed failed
    read -r passed failed < <(awk '
        / success(es)? \/ [0-9]+ failure/ { passed += $1; failed += $4 + $7; seen = 1 }
        END { print passed + 0, failed + !seen }' "$log")
    # A run that died without saying so is a failure too.
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
    echo "$passed $failed" >"$results/$suite.count"
    echo "== specs under $suite: $passed passed, $failed failed"
    [ "$failed" -eq 0 ] && return
    # What was printed from the count on: the failures. A run that died shows its end.
    if grep -q ' successes\? / ' "$log"; then
        sed -n '/ success\(es\)\? \/ [0-9]/,$p' "$log"
    else
        tail -n 40 "$log"
    fi
    return 1
}

lua=$1; shift
if [ "$lua" = all ]; then
    echo "specs under Lua 5.4, Lua 5.3 and LuaJIT, in parallel; this takes a few minutes"
    pids=()
    for lua in lua5.4 lua5.3 luajit; do
        one "$lua" "${@:-spec}" &
        pids+=($!)
    done
    worst=0
    for pid in "${pids[@]}"; do wait "$pid" || worst=1; done
    exit $worst
fi
one "$lua" "${@:-spec}"

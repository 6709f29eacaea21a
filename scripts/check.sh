#!/usr/bin/env bash
# Runs one check and counts it as one case: scripts/check.sh NAME COMMAND...
# Prints the command's output only when it fails.
set -u
cd "$(dirname "$0")/.."
mkdir -p build/results
name=$1; shift
log=build/results/check-$name.log
if "$@" >"$log" 2>&1; then
    echo "ok    $name"
    echo "1 0" >"build/results/check-$name.count"
else
    echo "FAILED $name"
    sed 's/^/    /' "$log" | tail -n 60
    echo "0 1" >"build/results/check-$name.count"
    exit 1
fi

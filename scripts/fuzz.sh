#!/usr/bin/env bash
# Runs every fuzzer of spec/fuzz for some seconds each, starting from its stored corpus.
# usage: scripts/fuzz.sh [SECONDS]
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
mkdir -p build/fuzz
for source in spec/fuzz/*_fuzz.c; do
    name=$(basename "$source" _fuzz.c)
    clang -std=c11 -D_GNU_SOURCE -g -O1 -Icsrc -fsanitize=fuzzer,address,undefined \
        -fno-sanitize-recover=undefined -o "build/fuzz/$name" "$source" csrc/core/*.c -lcrypto -lm
    # New inputs are written to the build folder; the stored corpus is read-only.
    mkdir -p "build/fuzz/corpus-$name"
    "build/fuzz/$name" -max_total_time="$seconds" -max_len=8192 -timeout=10 -verbosity=0 \
        -print_final_stats=1 -artifact_prefix="build/fuzz/" "build/fuzz/corpus-$name" \
        "spec/fuzz/corpus/$name" 2>&1 | tail -n 20
done

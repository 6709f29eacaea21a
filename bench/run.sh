#!/usr/bin/env bash
# Builds the peers and prints one row per measurement. usage: bench/run.sh [ROWS]...
# ROWS: names of files in bench/rows (default: all). Environment: BUILD, BENCH_SECONDS (a measurement
# takes about that long, default 2), BENCH_ROUNDS (ours and theirs in turn, default 3).
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
mkdir -p "$build/bench"
${CC:-gcc} -O2 -Wall -Wextra -o "$build/bench/constant_httpd" bench/constant_httpd.c -lmicrohttpd
${CC:-gcc} -O2 -Wall -Wextra -o "$build/bench/plain_curl" bench/plain_curl.c -lcurl
${CC:-gcc} -O2 -Wall -Wextra -std=c11 -D_GNU_SOURCE -Icsrc -o "$build/bench/decide" bench/decide.c \
    "$build/obj/libgpcore.a" -lcrypto -lm
${CC:-gcc} -O2 -Wall -Wextra -std=c11 -D_GNU_SOURCE -Icsrc -o "$build/bench/joblog" bench/joblog.c \
    "$build/obj/libgpcore.a" -lcrypto -lm
LUA_PATH="$PWD/?.lua;$PWD/lua/?.lua;$PWD/lua/?/init.lua;;" LUA_CPATH="$build/lua5.4/?.so;;" \
    GP_BENCH=$build/bench exec lua5.4 bench/run.lua "$@"

#!/usr/bin/env bash
# Runs every spec under AddressSanitizer, LeakSanitizer and UBSan, on Lua 5.4.
set -u
cd "$(dirname "$0")/.."
flags='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer'
mkdir -p build
make -j2 --no-print-directory BUILD=build/asan CC=clang CFLAGS='-O1 -g' INSTRUMENT="$flags" \
    LUAS=lua5.4 build >build/asan.log 2>&1 || { tail -n 30 build/asan.log; exit 1; }
# shellcheck disable=SC2046,SC2086
clang -g $flags $(pkg-config --cflags lua5.4) -o build/asan/lua_host spec/c/lua_host.c \
    $(pkg-config --libs lua5.4) -Wl,-E || exit 1
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS=suppressions=$PWD/spec/c/lsan.supp:print_suppressions=0
BUILD=build/asan SUITE=asan GP_LUA=$PWD/build/asan/lua_host scripts/spec.sh lua5.4 "${@:-spec}"

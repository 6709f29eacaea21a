#!/usr/bin/env bash
# Writes docs/API.md from the contract of the simulated GitLab in the build folder.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
LUA_PATH="$PWD/lua/?.lua;$PWD/lua/?/init.lua;;" LUA_CPATH="$(realpath "$build")/lua5.4/?.so;;" \
    lua5.4 scripts/api_md.lua >"$build/API.md"
mv "$build/API.md" docs/API.md

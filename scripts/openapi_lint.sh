#!/usr/bin/env bash
# Holds /openapi.json before a public linter, fetched from npm into the build folder.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
version=2.77.0
if ! command -v npm >/dev/null; then
    echo "openapi-lint: skipped, npm is not there (Debian: apt-get install npm)"
    exit 0
fi
tools=$build/openapi-lint
mkdir -p "$tools"
if [ ! -x "$tools/node_modules/.bin/redocly" ]; then
    npm install --silent --no-audit --no-fund --prefix "$tools" "@redocly/cli@$version" >/dev/null 2>&1 || {
        echo "openapi-lint: skipped, npm can not fetch @redocly/cli@$version"
        exit 0
    }
fi
LUA_PATH="$PWD/lua/?.lua;$PWD/lua/?/init.lua;;" LUA_CPATH="$(realpath "$build")/lua5.4/?.so;;" \
    lua5.4 scripts/api_md.lua openapi >"$tools/openapi.json"
REDOCLY_TELEMETRY=off "$tools/node_modules/.bin/redocly" lint --format=stylish "$tools/openapi.json"

#!/usr/bin/env bash
# Checks /openapi.json with two public linters, fetched from npm into the build folder. A warning
# is a failure.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
redocly=@redocly/cli@2.77.0
spectral=@stoplight/spectral-cli@6.16.3
if ! command -v npm >/dev/null; then
    echo "openapi-lint: skipped, npm not found (Debian: apt-get install npm)"
    exit 0
fi
if ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
    echo "openapi-lint: skipped, its linters need node 20 or later"
    exit 0
fi
tools=$build/openapi-lint
mkdir -p "$tools"
if [ ! -x "$tools/node_modules/.bin/redocly" ] || [ ! -x "$tools/node_modules/.bin/spectral" ]; then
    npm install --silent --no-audit --no-fund --prefix "$tools" "$redocly" "$spectral" >/dev/null 2>&1 || {
        echo "openapi-lint: skipped, npm cannot fetch $redocly and $spectral"
        exit 0
    }
fi
LUA_PATH="$PWD/lua/?.lua;$PWD/lua/?/init.lua;;" LUA_CPATH="$(realpath "$build")/lua5.4/?.so;;" \
    lua5.4 scripts/api_md.lua openapi >"$tools/openapi.json"
REDOCLY_TELEMETRY=off "$tools/node_modules/.bin/redocly" lint --extends=recommended-strict \
    --format=stylish "$tools/openapi.json"
echo 'extends: ["spectral:oas"]' >"$tools/spectral.yaml"
"$tools/node_modules/.bin/spectral" lint --ruleset "$tools/spectral.yaml" --fail-severity=warn \
    "$tools/openapi.json"

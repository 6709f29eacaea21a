#!/usr/bin/env bash
# Tests the pages of the simulated GitLab in headless Chromium: /docs and /redoc with their npm
# packages, "try it out", and /_mock/. Screenshots are saved in build/pages.
# usage: scripts/pages.sh install|here    install: installs missing packages first
#                                         here: installs nothing; without browser or npm it reports
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
if [ "$1" = install ]; then
    command -v chromium >/dev/null || scripts/deps.sh browser
    command -v npm >/dev/null || scripts/deps.sh npm
fi
for tool in chromium npm; do
    command -v "$tool" >/dev/null || {
        echo "pages: skipped, $tool not found; make pages installs it"
        exit 0
    }
done
if [ ! -e "$build/docs-assets/redoc.standalone.js" ] &&
        ! scripts/docs_assets.sh "$build/docs-assets"; then
    [ "$1" = here ] || exit 1
    echo "pages: skipped, npm cannot fetch their packages"
    exit 0
fi
GP_PAGES=1 SUITE=pages scripts/spec.sh lua5.4 spec/mock/pages_spec.lua

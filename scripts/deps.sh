#!/bin/sh
# Installs the Debian packages that a group of targets needs, if any is missing.
# usage: scripts/deps.sh GROUP...    groups: build run test lint bench browser npm
set -eu

packages_build="make gcc libc6-dev pkg-config liblua5.4-dev liblua5.3-dev libluajit2-5.1-dev
    libcurl4-openssl-dev libssl-dev libsqlite3-dev libzip-dev libmicrohttpd-dev"
packages_run="lua5.4 lua-cjson lua-argparse ca-certificates"
packages_test="lua5.3 luajit2 lua-busted curl procps python3 python3-gitlab python3-jsonschema
    ruby-gitlab openssl faketime sqlite3 util-linux nginx-light nghttp2-proxy"
packages_lint="git lua-check clang clang-format clang-tidy libclang-rt-14-dev valgrind codespell"
packages_bench="python3-gitlab wrk curl python3-fastapi uvicorn python3-uvloop python3-httptools
    util-linux"
packages_browser="chromium fonts-dejavu-core"
packages_npm="npm"

wanted=""
for group in "$@"; do
    eval "list=\${packages_$group-}"
    if [ -z "$list" ]; then
        echo "deps: no group '$group' (known: build run test lint bench browser npm)" >&2
        exit 2
    fi
    wanted="$wanted $list"
done

missing=""
for package in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || case " $missing " in
        *" $package "*) ;;
        *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "deps: missing:$missing; apt-get not found, install the equivalent packages by hand" >&2
    exit 1
fi
sudo=""
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "deps: missing:$missing; run as root: apt-get install$missing" >&2
        exit 1
    fi
    sudo="sudo"
fi
echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# shellcheck disable=SC2086
if ! { $sudo apt-get update -q && $sudo apt-get install -q -y --no-install-recommends $missing; } \
        >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "deps: apt-get failed (see above)" >&2
    rm -f "$log"
    exit 1
fi
rm -f "$log"
echo "deps: done"

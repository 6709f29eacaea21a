#!/usr/bin/env bash
# Runs every example and every command in the documentation, each counted as one case.
set -u
cd "$(dirname "$0")/.."
worst=0
check() { scripts/check.sh "$@" || worst=1; }

# Each example contains its command in the first lines: "-- Run: COMMAND". GITLAB_URL points to a
# simulated GitLab with the world file beside the example (NAME-world.lua).
example() { # file
    local command world work server line
    command=$(sed -n 's/^-- Run: //p' "$1" | head -n 1)
    [ -n "$command" ] || { echo "$1: missing '-- Run: COMMAND'"; return 1; }
    world=${1%.lua}-world.lua
    [ -e "$world" ] || world=examples/release-world.lua
    work=$(mktemp -d)
    mkfifo "$work/ready"
    MOCK_TOKEN=example-token bin/gitlab-pipelines mock serve --port 0 --db :memory: --world "$world" \
        >"$work/ready" &
    server=$!
    read -r line <"$work/ready"
    GITLAB_URL=$(printf '%s\n' "$line" | grep -o 'http://[^ ]*') GITLAB_TOKEN=example-token \
        XDG_STATE_HOME=$work PATH=$PWD/bin:$PATH \
        bash -c "eval \"\$(make -s env)\"; $command" </dev/null
    local status=$?
    kill "$server"
    wait "$server" 2>/dev/null
    rm -rf "$work"
    return $status
}
export -f example

for file in examples/*.lua; do
    case $file in
        *-world.lua) ;;
        *) check "example-$(basename "$file" .lua)" bash -c "example $file" ;;
    esac
done
failing_demo() { make --no-print-directory demo FAIL=web | tee /dev/stderr | grep -q 'ended with 1'; }
export -f failing_demo
check demo make --no-print-directory demo
check demo-failing bash -c failing_demo
# Specs run by a page are not counted twice.
page() { # file, name
    lua5.4 scripts/readme.lua "$1" >"build/page-$2.sh" && SUITE=page bash "build/page-$2.sh"
    local status=$?
    rm -f build/results/page.count
    return $status
}
export -f page
for file in README.md CONTRIBUTING.md docs/flows.md; do
    name=$(basename "$file" .md)
    check "page-${name,,}" bash -c "page $file ${name,,}"
done
exit $worst

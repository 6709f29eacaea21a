#!/usr/bin/env bash
# The main job, end to end, against the simulated GitLab on a free port.
# usage: scripts/demo.sh [STEP]     STEP: make this step's pipeline fail (make demo FAIL=web)
set -u
cd "$(dirname "$0")/.."
fail=${1:-}
work=$(mktemp -d)
server=""
cleanup() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null
        wait "$server" 2>/dev/null
    fi
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# A token for this run only: the simulated GitLab requires one, like the real one.
MOCK_TOKEN=demo-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
export MOCK_TOKEN
mkfifo "$work/ready"
bin/gitlab-pipelines mock serve --port 0 --db :memory: --world examples/release-world.lua \
    >"$work/ready" 2>"$work/server.log" &
server=$!
read -r line <"$work/ready" || { cat "$work/server.log" >&2; exit 1; }
url=$(printf '%s\n' "$line" | grep -o 'http://[^ ]*')
echo "simulated GitLab: $url"

set -- examples/release.lua -i version=2.4.0 --journal "$work/runs.db"
[ -z "$fail" ] || set -- "$@" -i "fail=$fail"
echo "\$ gitlab-pipelines run examples/release.lua -i version=2.4.0${fail:+ -i fail=$fail}"
GITLAB_URL=$url GITLAB_TOKEN=$MOCK_TOKEN XDG_STATE_HOME=$work \
    bin/gitlab-pipelines run "$@"
status=$?
if [ -n "$fail" ]; then
    echo "gitlab-pipelines ended with $status"
    # The failure was asked for: only another ending is a mistake.
    [ "$status" -eq 1 ]
    exit
fi
exit "$status"

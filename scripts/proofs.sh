#!/usr/bin/env bash
# Runs the long matrices (GP_FULL=1): every seed and every case, of which specs usually run a sample.
# usage: scripts/proofs.sh [LUA]   One row per proof; a failure shows its seed and output.
set -u
cd "$(dirname "$0")/.."
lua=${1:-lua5.4}
worst=0
total=$SECONDS
proof() { # what, spec files
    local what=$1 start=$SECONDS log
    shift
    log=build/results/proof-${what// /-}.log
    mkdir -p build/results
    if GP_FULL=1 SUITE="proof-${what// /-}" scripts/spec.sh "$lua" "$@" >"$log" 2>&1; then
        printf 'ok     %5d s  %s\n' $((SECONDS - start)) "$what"
    else
        printf 'FAILED %5d s  %s\n' $((SECONDS - start)) "$what"
        sed 's/^/    /' "$log" | tail -n 60
        worst=1
    fi
}
proof 'limiter' spec/core/limiter_spec.lua
proof 'breaker' spec/core/breaker_spec.lua spec/client/breaker_spec.lua
proof 'retry and budget' spec/core/retry_spec.lua spec/core/budget_spec.lua
proof 'whole client' spec/resilience_spec.lua
proof 'once' spec/once/once_spec.lua spec/once/machine_spec.lua
proof 'once under any clock' spec/once/journal_clock_spec.lua
proof 'once among processes' spec/once/processes_spec.lua
proof 'shared limits' spec/io/shared_limits_spec.lua
proof 'connections that end' spec/transport/turnover_spec.lua
proof 'waits and trees' spec/watch/random_spec.lua spec/watch/follow_spec.lua
proof 'lagging replicas' spec/flow/lag_spec.lua spec/api/lag_spec.lua spec/watch/freshness_spec.lua
proof 'ten thousand waits' spec/watch/simulated_spec.lua spec/watch/scheduler_spec.lua \
    spec/watch/real_time_spec.lua
proof 'hostile scripts' spec/flow/hostile_spec.lua
proof 'a full disk, kill -9' spec/mock/disk_spec.lua
proof 'a crowd of connections' spec/io/httpd_crowd_spec.lua
proof 'a flow whose disk is full' spec/flow/full_disk_spec.lua spec/cli/full_disk_spec.lua
proof 'random lives' spec/mock/state_spec.lua
proof 'wrong responses' spec/api/hostile_spec.lua spec/cli/hostile_spec.lua
proof 'tokens that come back' spec/cli/secrets_spec.lua
printf 'all in %d s\n' $((SECONDS - total))
exit $worst

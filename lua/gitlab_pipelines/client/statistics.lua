--- A client's statistics: as a table, and in the Prometheus text format.

local M = {}

--- What `Client:stats` returns.
---@param client table
---@return table stats
function M.collect(client)
  local now, counts = client.runtime:now(), client.counts
  local stats = client.policy:stats(now)
  stats.requests = counts.requests
  stats.connections_reused = counts.reused
  stats.bytes = counts.bytes
  stats.unknown_outcomes = counts.unknown
  stats.breaker = client.breaker and client.breaker:stats(now) or nil
  client.stores:add_stats(stats, now)
  return stats
end

-- Name, type, help.
local metrics = {
  { "requests", "counter", "requests sent" },
  { "retries", "counter", "retries sent" },
  { "throttled", "counter", "calls refused by the client's rate limits" },
  { "circuit_open", "counter", "calls refused by the circuit breaker" },
  { "budget_denied", "counter", "retries refused by the retry budget" },
  { "unknown_outcomes", "counter", "creates with an unknown outcome" },
  { "connections_reused", "counter", "requests sent over a reused connection" },
  { "bytes", "counter", "bytes of response bodies" },
  { "waiting", "gauge", "calls waiting for a slot" },
  { "in_flight", "gauge", "requests in flight" },
}

--- Formats statistics in the Prometheus text format.
---@param stats table
---@return string text
function M.text(stats)
  local lines = {}
  for _, row in ipairs(metrics) do
    local value = stats[row[1]]
    if value then
      local name = "gitlab_pipelines_" .. row[1] .. (row[2] == "counter" and "_total" or "")
      lines[#lines + 1] = ("# HELP %s %s"):format(name, row[3])
      lines[#lines + 1] = ("# TYPE %s %s"):format(name, row[2])
      lines[#lines + 1] = ("%s %d"):format(name, value)
    end
  end
  lines[#lines + 1] = ""
  return table.concat(lines, "\n")
end

return M

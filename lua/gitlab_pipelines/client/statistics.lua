--- A client's numbers: as a table, and in the text format of Prometheus.

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
  { "retries", "counter", "requests sent again" },
  { "throttled", "counter", "calls that our own limits refused" },
  { "circuit_open", "counter", "calls that the circuit breaker refused" },
  { "budget_denied", "counter", "retries that the retry budget refused" },
  { "unknown_outcomes", "counter", "creations with an unknown outcome" },
  { "connections_reused", "counter", "requests over an open connection" },
  { "bytes", "counter", "bytes of response bodies" },
  { "waiting", "gauge", "calls that wait for a slot" },
  { "in_flight", "gauge", "requests under way" },
}

--- The statistics in the text format of Prometheus.
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

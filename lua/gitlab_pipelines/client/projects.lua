--- Project rows, each requested once per client.

local operations = require "gitlab_pipelines.operations"

local M = {}

local unreadable = { [401] = true, [403] = true, [404] = true }

--- Returns a project's row. Concurrent calls for the same project wait for one request.
---@param client table has `projects`, by path and by id
---@param project integer|string
---@param opts table|nil the call's options
---@return table|false|nil row false if the token cannot read the project
---@return table|nil err
function M.get(client, project, opts)
  local projects = client.projects
  local known = projects[project]
  while type(known) == "table" and known.waiters do
    local waiter = client.runtime:waiter()
    known.waiters[#known.waiters + 1] = waiter
    local _, why = waiter:wait()
    if why == "cancelled" then return nil end
    known = projects[project]
  end
  if known ~= nil then return known end
  local entry = { waiters = {} }
  projects[project] = entry
  local ok, row, err = pcall(client.call, client, operations.projects.get, { project = project }, opts)
  if not ok then
    known = nil -- A transport raised: waiting calls send their own request.
  else
    known = row or (unreadable[err.status] and false)
  end
  projects[project] = known
  for _, waiter in ipairs(entry.waiters) do waiter:wake(true) end
  if not ok then error(row, 0) end
  if row and row.id then projects[row.id] = row end
  return known, err
end

return M

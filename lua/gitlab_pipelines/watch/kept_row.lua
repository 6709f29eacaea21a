--- How much of a row is held while it is awaited. Pure. Which row counts stands in freshness.lua.

local M = {}

--- What decides about an answer that is no end, and no more: of ten thousand such rows little is
--- to be kept.
---@param row table
---@return table
function M.gist(row)
  return { id = row.id, project_id = row.project_id, status = row.status, source = row.source }
end

-- What lists show of a pipeline, or of a job, to people.
local SHOWN = { "id", "iid", "project_id", "name", "status", "source", "ref", "sha", "web_url",
  "created_at", "updated_at", "stage", "allow_failure" }

--- The same for who wants to be shown what there is.
---@param row table
---@return table
function M.brief(row)
  local brief = {}
  for _, name in ipairs(SHOWN) do brief[name] = row[name] end
  return brief
end

return M

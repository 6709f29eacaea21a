--- What a status means for somebody who waits. Pure.
--
-- A finished pipeline's verdict is its status; one that stands at a manual job is "blocked"; every
-- other status, one that nobody has heard of included, means "not yet".

local core_status = require("gitlab_pipelines.core").status

local M = {}

local is_alive, is_finished = core_status.is_alive, core_status.is_finished

-- Of the statuses that go on by themselves, those in which a runner has the jobs.
local WITH_RUNNER = { running = true, canceling = true }

--- The verdict of a status: "success", "failed", "canceled", "skipped", "blocked", or nil.
---@param status string|nil
---@return string|nil
function M.of(status)
  if is_finished(status) then return status end
  return status == "manual" and "blocked" or nil
end

--- May a pipeline in this status be stuck, if nothing moves for long: no runner, no resource, no
--- callback?
---@param status string|nil
---@return boolean
function M.can_be_stuck(status)
  if is_alive(status) then return not WITH_RUNNER[status] end
  return type(status) == "string" and status:match "^waiting_" ~= nil
end

--- The first job that failed because no runner took it, or nil. One that is allowed to fail holds
--- nothing up.
---@param jobs table[]
---@return table|nil job
function M.stuck_job(jobs)
  for _, job in ipairs(jobs) do
    local reason = job.status == "failed" and not job.allow_failure and job.failure_reason
    if reason and (reason:match "^stuck_" or reason == "no_matching_runner") then return job end
  end
end

local collect_one

-- Collects the verdicts of a tree into `found`; says whether the node is held up: it has none of
-- its own because a trigger job waits for a pipeline that is blocked, stuck or held up itself. A server
-- may show the same pipeline below several, or below itself: `seen` keeps what came of each, and says
-- nothing (false) of one that is still being looked at.
local function collect(node, forgiven, found, seen)
  local known = seen[forgiven][node]
  if known ~= nil then return known or nil end
  seen[forgiven][node] = false
  local verdict = collect_one(node, forgiven, found, seen)
  seen[forgiven][node] = verdict or false
  return verdict
end

function collect_one(node, forgiven, found, seen)
  local held = false
  for _, child in ipairs(node.children or {}) do
    local verdict = collect(child.node, forgiven or child.allow_failure == true, found, seen)
    if child.open and (verdict == "blocked" or verdict == "stuck" or verdict == "held") then
      held = true
    end
  end
  local verdict = node.verdict or (held and "held")
  if not verdict or node.unsettled then
    found.open = true
    return nil
  end
  if forgiven and (verdict == "failed" or verdict == "canceled") then return verdict end
  found[verdict] = true
  return verdict
end

--- The verdict of a whole tree of pipelines, or nil while it is open. A node is
--- `{verdict = own verdict or nil, unsettled = its downstreams are not all known,
--- children = {{node=, allow_failure = of the trigger job, open = the trigger job still runs}}}`.
---@param root table
---@return string|nil
function M.tree(root)
  local found = {}
  collect(root, false, found, { [true] = {}, [false] = {} })
  if found.open then return nil end
  for _, verdict in ipairs { "stuck", "blocked", "failed", "canceled" } do
    if found[verdict] then return verdict end
  end
  return root.verdict
end

return M

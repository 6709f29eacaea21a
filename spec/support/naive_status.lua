--- How a status is composed from jobs: a second witness, written from GitLab's rules one by one.

local M = {}

local function symbol(job)
  if job.allow_failure then
    if job.status == "failed" or job.status == "canceled" then return "warned" end
    if job.status == "manual" then return "ignored" end
  end
  return job.status
end

---@param jobs table[] array of {status=, allow_failure=}
---@param has_needs boolean|nil
---@return string
function M.compose(jobs, has_needs)
  local set = {}
  for _, job in ipairs(jobs) do set[symbol(job)] = true end

  local function only(...)
    local allowed = {}
    for _, name in ipairs { ... } do allowed[name] = true end
    for name in pairs(set) do
      if not allowed[name] then return false end
    end
    return true
  end

  if next(set) == nil then return "success" end
  if has_needs and (set.skipped or set.ignored) then return "skipped" end
  if only("skipped", "ignored") then return "skipped" end
  if only("success", "skipped", "warned", "ignored") then return "success" end
  if only("created", "warned", "ignored") then return "created" end
  if only("preparing", "warned", "ignored") then return "preparing" end
  if only("canceled", "success", "skipped", "warned", "ignored") then return "canceled" end
  if only("pending", "created", "skipped", "warned", "ignored") then return "pending" end
  if set.running or set.pending then return "running" end
  if set.waiting_for_resource then return "waiting_for_resource" end
  if set.waiting_for_callback then return "waiting_for_callback" end
  if set.manual then return "manual" end
  if set.scheduled then return "scheduled" end
  if set.preparing then return "preparing" end
  if set.created then return "running" end
  if set.canceling then return "canceling" end
  return "failed"
end

return M

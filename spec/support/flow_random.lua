-- Random flows, and a judge who knows only the script's rules and what the server saw.

local M = {}

local function pick(random, list) return list[math.floor(random() * #list) + 1] end
local function chance(random, share) return random() < share end

-- The outcome and the duration of each pipeline, decided beforehand: a pipeline says by its
-- variables which step, item and attempt it is.
local function outcome(random, step, item)
  local key = step.name .. "/" .. (item or "")
  local fails = chance(random, 0.2) and math.floor(random() * 3) + 1 or 0
  step.fails[key] = fails -- so many attempts fail
  step.durations[key] = math.floor(random() * 20) / 4 + 0.5
end

local function make_step(random, steps, i)
  local step = { name = "s" .. i, needs = {}, fails = {}, durations = {}, retry = 0,
    when = pick(random, { "success", "success", "success", "success", "failure", "always", "ask" }),
    allow_failure = chance(random, 0.15) }
  for _, other in ipairs(steps) do
    if chance(random, 0.35) then step.needs[#step.needs + 1] = other.name end
  end
  if #step.needs == 0 and step.when ~= "success" then
    if i == 1 then step.when = "success" else step.needs[1] = steps[i - 1].name end
  end
  if step.when == "ask" then step.asks = pick(random, step.needs) end
  if chance(random, 0.2) then step.retry = 1 end
  if chance(random, 0.3) then
    step.items = {}
    for n = 1, math.floor(random() * 5) do step.items[n] = "i" .. n end
    step.limit = chance(random, 0.6) and math.floor(random() * 3) + 1 or nil
    for _, item in ipairs(step.items) do outcome(random, step, item) end
  else
    outcome(random, step)
  end
  if step.when == "success" and #step.needs > 0 and chance(random, 0.6) then
    step.uses = pick(random, step.needs)
  end
  return step
end

local function options_of(step, by_name)
  local list = {}
  if #step.needs > 0 then
    list[#list + 1] = "needs = { " .. table.concat(step.needs, ", ") .. " }"
  end
  if step.when == "ask" then
    list[#list + 1] = ("when = function(steps) return steps.%s.status == 'success' end"):format(
      step.asks)
  elseif step.when ~= "success" then
    list[#list + 1] = ("when = %q"):format(step.when)
  end
  if step.allow_failure then list[#list + 1] = "allow_failure = true" end
  local variables = ("STEP = %q"):format(step.name)
  if step.uses then
    variables = ("%s, USES = 'v' .. %s.%s"):format(variables, step.uses,
      by_name[step.uses].items and "count" or "id")
  end
  return list, variables
end

local function text_of(flow)
  local lines = { ("on_failure = %q"):format(flow.on_failure) }
  if flow.concurrency then lines[2] = ("concurrency = %d"):format(flow.concurrency) end
  for _, step in ipairs(flow.steps) do
    local options, variables = options_of(step, flow.by_name)
    local retry = step.retry > 0 and (", retry = %d"):format(step.retry) or ""
    if step.items then
      local items = {}
      for i, item in ipairs(step.items) do items[i] = ("%q"):format(item) end
      options[#options + 1] = "over = { " .. table.concat(items, ", ") .. " }"
      if step.limit then options[#options + 1] = ("limit = %d"):format(step.limit) end
      options[#options + 1] = ("make = function(item) return pipeline { project = 'p/%s', "
        .. "variables = { %s, ITEM = item }%s } end"):format(step.name, variables, retry)
      lines[#lines + 1] = ("%s = each { %s }"):format(step.name, table.concat(options, ", "))
    else
      options[#options + 1] = ("project = 'p/%s', variables = { %s }%s"):format(step.name,
        variables, retry)
      lines[#lines + 1] = ("%s = pipeline { %s }"):format(step.name, table.concat(options, ", "))
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

--- Makes a flow.
---@param random fun():number
---@return table flow {text, steps, by_name, on_failure, concurrency}
function M.flow(random)
  local flow = { steps = {}, by_name = {},
    on_failure = pick(random, { "stop", "stop", "continue", "cancel" }),
    concurrency = chance(random, 0.3) and math.floor(random() * 3) + 1 or nil }
  for i = 1, math.floor(random() * 8) + 2 do
    local step = make_step(random, flow.steps, i)
    flow.steps[i], flow.by_name[step.name] = step, step
  end
  flow.text = text_of(flow)
  return flow
end

--- Does the n-th pipeline of a step or item fail?
function M.fails(flow, name, item, attempt)
  return attempt <= flow.by_name[name].fails[name .. "/" .. (item or "")]
end

function M.duration(flow, name, item)
  return flow.by_name[name].durations[name .. "/" .. (item or "")]
end

-- What became of a step or item by the server's record: "success", "failed", "canceled", or nil
-- when it was never made.
local function seen(rows)
  if #rows == 0 then return nil end
  return rows[#rows].status
end

-- Rows of the record by step, and by item within it.
local function sorted(flow, record)
  local by_step, by_item = {}, {}
  for _, step in ipairs(flow.steps) do by_step[step.name] = {} end
  for _, row in ipairs(record) do
    local key = row.step .. "/" .. (row.item or "")
    by_item[key] = by_item[key] or {}
    table.insert(by_item[key], row)
    table.insert(by_step[row.step], row)
  end
  return by_step, by_item
end

-- A step as the server saw it: "success", "failed", "canceled", "none".
local function fate(step, by_item)
  if not step.items then return seen(by_item[step.name .. "/"] or {}) or "none" end
  local worst, made = "success", 0
  for _, item in ipairs(step.items) do
    local status = seen(by_item[step.name .. "/" .. item] or {})
    if status then made = made + 1 end
    if status == "failed" then return "failed" end
    if status ~= "success" then worst = status or "none" end
  end
  if #step.items == 0 then return "empty" end
  return made == 0 and "none" or worst
end

local function most_at_once(rows)
  local most = 0
  for _, row in ipairs(rows) do
    local count = 0
    for _, other in ipairs(rows) do
      if other.created_at <= row.created_at and other.ended_at > row.created_at then
        count = count + 1
      end
    end
    most = math.max(most, count)
  end
  return most
end

local function check_attempts(flow, step, item, rows)
  local where = step.name .. (item and "/" .. item or "")
  if #rows > step.retry + 1 then return where .. " was made too often" end
  for n, row in ipairs(rows) do
    if n > 1 then
      if rows[n - 1].status ~= "failed" then return where .. " was made again without a failure" end
      if row.created_at < rows[n - 1].ended_at then return where .. " was made again too early" end
    end
    local wanted = M.fails(flow, step.name, item, n) and "failed" or "success"
    if row.status ~= wanted and row.status ~= "canceled" then
      return where .. " ended as " .. row.status
    end
  end
  local last = rows[#rows]
  if last and last.status == "failed" and #rows <= step.retry and flow.on_failure ~= "cancel" then
    return where .. " was not tried again"
  end
end

-- Something failed for good before this moment: then `stop` and `cancel` excuse what is not made.
local function stopped(flow, by_item)
  for _, step in ipairs(flow.steps) do
    for _, item in ipairs(step.items or { "" }) do
      local rows = by_item[step.name .. "/" .. item] or {}
      if seen(rows) == "failed" and not step.allow_failure then return true end
    end
  end
  return false
end

--- Judges the server's record of a run that has ended.
---@param flow table
---@param record table array of {step, item, created_at, ended_at, status} in order of creation
---@return string|nil complaint
function M.judge(flow, record)
  local by_step, by_item = sorted(flow, record)
  local fates = {}
  for _, step in ipairs(flow.steps) do fates[step.name] = fate(step, by_item) end
  local has_stopped = flow.on_failure ~= "continue" and stopped(flow, by_item)

  for _, step in ipairs(flow.steps) do
    local rows = by_step[step.name]
    for _, item in ipairs(step.items or { "" }) do
      local complaint = check_attempts(flow, step, item ~= "" and item or nil,
        by_item[step.name .. "/" .. item] or {})
      if complaint then return complaint end
    end

    -- What the needs came to, as the server saw it.
    local all_good, some_bad, unsure = true, false, false
    for _, need in ipairs(step.needs) do
      local other, came = flow.by_name[need], fates[need]
      local good = came == "success" or (came == "failed" and other.allow_failure)
      if came == "empty" then unsure = true end
      all_good = all_good and (good or came == "empty")
      some_bad = some_bad or not (good or came == "empty")
      for _, row in ipairs(rows) do
        for _, before in ipairs(by_step[need]) do
          if row.created_at < before.ended_at then
            return ("%s began before %s had ended"):format(step.name, need)
          end
        end
      end
    end

    local made = #rows > 0
    local may, must
    if step.when == "always" then
      may, must = true, true
    elseif step.when == "ask" then
      local asked = fates[step.asks]
      may = asked == "success" or asked == "empty"
      must = asked == "success"
    elseif step.when == "failure" then
      -- A need that was not made may have been skipped for want of a reason.
      may = some_bad or unsure
      must = false
      for _, need in ipairs(step.needs) do
        must = must or (fates[need] == "failed" and not flow.by_name[need].allow_failure)
      end
    else
      may = all_good
      must = all_good and not unsure and not has_stopped
    end
    if step.items and #step.items == 0 then must = false end
    if made and not may then return ("%s ran, and should not have"):format(step.name) end
    if must and not made then return ("%s did not run"):format(step.name) end
    if step.limit and most_at_once(rows) > step.limit then
      return ("%s ran more items at once than its limit"):format(step.name)
    end
  end
  if flow.concurrency and most_at_once(record) > flow.concurrency then
    return "more ran at once than the flow allows"
  end
end

return M

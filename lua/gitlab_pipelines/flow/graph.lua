--- The graph of a flow: dependencies, order, and which steps may run now. Pure: no time, and no
--- dependence on the order in which Lua iterates a table.

local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local nearest = require "gitlab_pipelines.flow.nearest"

local M = {}

if jit then jit.off(true, true) end

local function names_of(nodes)
  local names = {}
  for i, node in ipairs(nodes) do names[i] = node.name end
  return names
end

-- Follows needs within `left` from `start` until a node repeats; returns the cycle from there.
local function cycle_from(start, by_name, left)
  local seen, path, at = {}, {}, start
  while not seen[at] do
    seen[at] = #path + 1
    path[#path + 1] = at
    for _, need in ipairs(by_name[at].needs) do
      if left[need] then
        at = need
        break
      end
    end
  end
  local cycle = {}
  for i = seen[at], #path do cycle[#cycle + 1] = path[i] end
  cycle[#cycle + 1] = at
  return cycle
end

local function check_needs(nodes, by_name)
  for _, node in ipairs(nodes) do
    for _, need in ipairs(node.needs) do
      if not by_name[need] then
        return nil, errors.new("FlowError.UnknownStep", { step = node.name, name = need,
          line = node.line, message = ("'%s' needs '%s', which is not a step%s"):format(node.name,
            need, nearest.hint(need, names_of(nodes))) })
      end
    end
  end
  return true
end

--- Orders the steps of a flow.
---@param nodes table array of {name, needs = array of names, line}; the array's order breaks ties
---@return table|nil graph {order = names, levels = array of arrays of names, by_name, depth =
--- name -> level, dependents = name -> names}
---@return table|nil err FlowError.UnknownStep or FlowError.Cycle (`err.cycle` = names)
function M.build(nodes)
  local by_name, position = {}, {}
  for i, node in ipairs(nodes) do
    by_name[node.name], position[node.name] = node, i
  end
  local ok, err = check_needs(nodes, by_name)
  if not ok then return nil, err end

  local open, dependents, depth = {}, {}, {}
  for _, node in ipairs(nodes) do dependents[node.name] = {} end
  for _, node in ipairs(nodes) do
    local count, seen = 0, {}
    for _, need in ipairs(node.needs) do
      if not seen[need] then
        seen[need], count = true, count + 1
        local list = dependents[need]
        list[#list + 1] = node.name
      end
    end
    open[node.name] = count
  end

  -- Level by level; within one, in the order of the script.
  local order, levels, level = {}, {}, {}
  for _, node in ipairs(nodes) do
    if open[node.name] == 0 then level[#level + 1] = node.name end
  end
  while #level > 0 do
    levels[#levels + 1] = level
    local following = {}
    for _, name in ipairs(level) do
      order[#order + 1], depth[name] = name, #levels
      for _, dependent in ipairs(dependents[name]) do
        open[dependent] = open[dependent] - 1
        if open[dependent] == 0 then following[#following + 1] = dependent end
      end
    end
    table.sort(following, function(a, b) return position[a] < position[b] end)
    level = following
  end

  if #order < #nodes then
    local left, first = {}, nil
    for _, node in ipairs(nodes) do
      if not depth[node.name] then
        left[node.name], first = true, first or node.name
      end
    end
    local cycle = cycle_from(first, by_name, left)
    return nil, errors.new("FlowError.Cycle", { cycle = cycle, line = by_name[cycle[1]].line,
      message = "the steps' needs form a cycle: " .. table.concat(cycle, " needs ") })
  end
  return { order = order, levels = levels, by_name = by_name, depth = depth,
    dependents = dependents }
end

--- Every step that `name` needs, directly or through others.
---@return table set name -> true
function M.ancestors(graph, name)
  local set, stack = {}, { name }
  while #stack > 0 do
    local node = graph.by_name[table.remove(stack)]
    for _, need in ipairs(node.needs) do
      if not set[need] then
        set[need] = true
        stack[#stack + 1] = need
      end
    end
  end
  return set
end

-- What a finished step means to its dependents: "good", "bad" (something failed, here or
-- before), or "absent" (it had no reason to run).
local function quality(state)
  if state.status == "success" then return "good" end
  if state.status == "failed" and state.allow_failure then return "good" end
  if state.status == "skipped" and state.because == "when" then return "absent" end
  return "bad"
end

local words = { failed = "failed", canceled = "was canceled", skipped = "was skipped" }

local function describe(name, state) return name .. " " .. words[state.status] end

local function by_success(node, states, stopped)
  for _, wanted in ipairs { "bad", "absent" } do
    for _, need in ipairs(node.needs) do
      local state = states[need]
      if quality(state) == wanted then
        return "skip", describe(need, state), wanted == "bad" and "failure" or "when"
      end
    end
  end
  if stopped then
    return "skip", ("%s failed, and the flow stops then"):format(stopped), "failure"
  end
  return "run"
end

local function by_failure(node, states)
  for _, need in ipairs(node.needs) do
    if quality(states[need]) == "bad" then return "run" end
  end
  return "skip", "nothing that it needs failed", "when"
end

--- Decides what to do with a step that has not begun.
---@param node table {needs, when = "success"|"failure"|"always"|function}
---@param states table name -> {status, allow_failure, because}
---@param stopped string|nil the step whose failure stopped the flow
---@return string decision "wait", "run", "skip", or "ask" (its `when` function)
---@return string|nil reason why it is skipped, for a person
---@return string|nil because "failure" or "when": what the skip means to those that need it
function M.decide(node, states, stopped)
  for _, need in ipairs(node.needs) do
    if not core.status.is_finished(states[need].status) then return "wait" end
  end
  if node.when == "always" then return "run" end
  if type(node.when) == "function" then return "ask" end
  if node.when == "failure" then return by_failure(node, states) end
  return by_success(node, states, stopped)
end

return M

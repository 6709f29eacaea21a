--- Shows what a flow would do, without doing it: as a tree for people, as dot or mermaid for
--- pictures, as JSON for programs. Values that only a run can know stand as `<lib.id>`.

local json = require "gitlab_pipelines.json"
local operations = require "gitlab_pipelines.operations"
local refs = require "gitlab_pipelines.flow.refs"
local screen = require "gitlab_pipelines.terminal"
local view = require "gitlab_pipelines.flow.view"

local M = {}

--- The formats that `render` knows.
M.formats = { "tree", "dot", "mermaid", "json" }

local sorted_keys = refs.sorted_keys
local unpack = table.unpack or unpack

-- Secret inputs must not stand in a plan either.
local function hider(plan)
  local values = {}
  for _, name in ipairs(sorted_keys(plan.declared)) do
    local value = plan.inputs[name]
    if plan.declared[name].secret and value ~= nil and tostring(value) ~= "" then
      values[#values + 1] = (tostring(value):gsub("%p", "%%%0"))
    end
  end
  return function(text)
    for _, pattern in ipairs(values) do text = text:gsub(pattern, "[secret]") end
    return text
  end
end

-- A value as text, with references and secrets as what they are called.
local function shown(plan, value, hide)
  local meaning = plan.refs:meaning(value)
  if meaning then
    local text = plan.refs:describe(value)
    return meaning.parts and hide(text:sub(2, -2)) or "<" .. text .. ">"
  end
  if type(value) == "table" then
    local copy = {}
    for _, key in ipairs(sorted_keys(value)) do copy[key] = shown(plan, value[key], hide) end
    return setmetatable(copy, getmetatable(value))
  end
  return type(value) == "string" and hide(value) or value
end

local function project_path(template, project, id)
  return (template:gsub(":project_id", ":project"):gsub(":project", function()
    return (tostring(project):gsub("/", "%%2F"))
  end):gsub(":pipeline_id", id or ":pipeline_id"))
end

local calls = {}

function calls.pipeline(plan, step, hide)
  local given = step.options
  local operation = given.trigger_token and operations.triggers.run or operations.pipelines.create
  return { method = operation.method,
    path = project_path(operation.path, shown(plan, given.project, hide)),
    ref = given.ref ~= nil and shown(plan, given.ref, hide) or nil,
    variables = given.variables and shown(plan, given.variables, hide),
    inputs = given.inputs and shown(plan, given.inputs, hide) }
end

function calls.play(plan, step, hide)
  local operation = operations.jobs.play
  return { method = operation.method, job = step.options.job,
    path = project_path(operation.path, shown(plan, step.target.options.project or "", hide)),
    variables = step.options.variables and shown(plan, step.options.variables, hide) }
end

function calls.wait_for(plan, step, hide)
  local given = step.options
  local operation = given.id and operations.pipelines.get or operations.pipelines.list
  return { method = operation.method,
    path = project_path(operation.path, shown(plan, given.project, hide),
      given.id and tostring(shown(plan, given.id, hide))),
    ref = given.ref ~= nil and shown(plan, given.ref, hide) or nil,
    sha = given.sha ~= nil and shown(plan, given.sha, hide) or nil }
end

-- The seconds that a step took before, and when it would end if everything went as then.
local function expected_end(plan, times)
  local ends, latest = {}, nil
  for _, name in ipairs(plan.graph.order) do
    local begins = 0
    for _, need in ipairs(plan.by_name[name].needs) do
      if ends[need] and begins then begins = math.max(begins, ends[need]) else begins = nil end
    end
    if begins and times[name] then
      ends[name] = begins + times[name]
      latest = math.max(latest or 0, ends[name])
    end
  end
  for _, name in ipairs(plan.graph.order) do
    if not ends[name] then return nil end
  end
  return latest
end

local function step_data(plan, step, times, hide)
  local data = { name = step.path, kind = step.kind, line = step.line, needs = json.array { unpack(step.needs) },
    when = type(step.when) == "function" and "function" or step.when,
    allow_failure = step.allow_failure, expected_seconds = times[step.path] }
  if calls[step.kind] then data.call = calls[step.kind](plan, step, hide) end
  if step.retry > 0 then data.retry = step.retry end
  if step.timeout then data.timeout = step.timeout end
  if step.kind == "approval" and step.options.message ~= nil then
    data.message = shown(plan, step.options.message, hide)
  end
  if step.kind == "each" then
    data.limit = step.options.limit
    if step.items then
      data.items = {}
      for i, item in ipairs(step.items) do
        data.items[i] = step_data(plan, item.step, times, hide)
      end
    else
      data.over = shown(plan, step.options.over, hide)
    end
  end
  return data
end

--- The plan as plain data.
---@param plan table of flow:plan
---@param opts table|nil {times = path -> seconds}
---@return table data
function M.data(plan, opts)
  local times = opts and opts.times or {}
  local hide = hider(plan)
  local data = { name = plan.name, file = plan.file, on_failure = plan.on_failure,
    concurrency = plan.concurrency, timeout = plan.timeout, inputs = {}, steps = {},
    levels = plan.graph.levels, expected_seconds = expected_end(plan, times) }
  for _, name in ipairs(sorted_keys(plan.inputs)) do
    data.inputs[name] = plan.declared[name].secret and "[secret]" or plan.inputs[name]
  end
  for i, step in ipairs(plan.steps) do data.steps[i] = step_data(plan, step, times, hide) end
  return data
end

-- Tree -------------------------------------------------------------------------------------------

local function pairs_text(values)
  local list = {}
  for _, name in ipairs(sorted_keys(values)) do
    local value = values[name]
    if type(value) == "table" then value = "{...}" end
    list[#list + 1] = name .. "=" .. refs.text(value)
  end
  return table.concat(list, " ")
end

local function call_text(call)
  local text = ("%s %s"):format(call.method, call.path)
  if call.job then text = text .. "  job " .. call.job end
  if call.ref then text = text .. "  ref " .. refs.text(call.ref) end
  if call.sha then text = text .. "  sha " .. refs.text(call.sha) end
  if call.variables then text = text .. "  " .. pairs_text(call.variables) end
  if call.inputs then text = text .. "  inputs " .. pairs_text(call.inputs) end
  return text
end

local function rule_text(step)
  local list = {}
  if step.when == "function" then
    list[1] = "when its function says so"
  elseif step.when ~= "success" then
    list[1] = step.when == "always" and "always" or "only after a failure"
  end
  if step.allow_failure then list[#list + 1] = "may fail" end
  if step.retry then list[#list + 1] = ("%d more attempts"):format(step.retry) end
  if step.timeout then list[#list + 1] = "at most " .. view.elapsed(step.timeout) end
  if step.limit then list[#list + 1] = ("%d at once"):format(step.limit) end
  if step.expected_seconds then
    list[#list + 1] = "about " .. view.elapsed(step.expected_seconds)
  end
  return #list > 0 and "  (" .. table.concat(list, ", ") .. ")" or ""
end

local function what_text(plan, step)
  if step.call then return call_text(step.call) end
  if step.kind == "approval" then
    return "waits for a person" .. (step.message and ": " .. refs.text(step.message) or "")
  end
  if step.kind == "call" then return ("a function, %s:%d"):format(plan.file, step.line) end
  return step.items and ("each of %d"):format(#step.items) or "each of " .. refs.text(step.over)
end

local function count_creations(data)
  local count, open = 0, false
  for _, step in ipairs(data.steps) do
    if step.kind == "pipeline" then count = count + 1 end
    for _, item in ipairs(step.items or {}) do
      if item.kind == "pipeline" then count = count + 1 end
    end
    open = open or step.over ~= nil
  end
  return count, open
end

local function tree(plan, opts)
  local data = M.data(plan, opts)
  local by_name = {}
  for _, step in ipairs(data.steps) do by_name[step.name] = step end
  local count, open = count_creations(data)
  local lines = { ("%s: %d steps, %s%d pipelines%s"):format(data.name, #data.steps,
    open and "at least " or "", count, data.expected_seconds
      and ", about " .. view.elapsed(data.expected_seconds) or "") }
  for _, name in ipairs(sorted_keys(data.inputs)) do
    lines[#lines + 1] = ("input %s = %s"):format(name, refs.text(data.inputs[name]))
  end
  local columns = 0
  local rows = view.rows(plan, function(name)
    local names = {}
    for i, item in ipairs(by_name[name].items or {}) do
      names[i] = { name = item.name:match "/(.*)$", data = item }
    end
    return names
  end, opts and opts.unicode)
  for _, row in ipairs(rows) do
    columns = math.max(columns, view.width(row.prefix .. row.name))
  end
  for _, row in ipairs(rows) do
    local step = row.data or by_name[row.name]
    lines[#lines + 1] = row.prefix .. row.name
      .. (" "):rep(columns - view.width(row.prefix .. row.name)) .. "  " .. what_text(plan, step)
      .. rule_text(step)
  end
  -- Names of items and values of inputs are any text.
  for i, line in ipairs(lines) do lines[i] = screen.plain(line) end
  return table.concat(lines, "\n") .. "\n"
end

-- Pictures ---------------------------------------------------------------------------------------

local function label_of(step)
  if step.kind == "each" then
    return step.items and ("%s × %d"):format(step.name, #step.items) or step.name .. " × ?"
  end
  return step.name
end

local shapes = { pipeline = "box", play = "cds", wait_for = "box", approval = "diamond",
  call = "ellipse", each = "box3d" }

-- A text in a picture's quotes: a name of the script's may hold quotes and ends of lines.
local function quoted(text, escapes)
  return '"' .. screen.plain(text):gsub("[\"\\#&<>;]", escapes) .. '"'
end

local DOT = { ['"'] = '\\"', ["\\"] = "\\\\" }
local MERMAID = { ['"'] = "#quot;", ["#"] = "#35;", ["&"] = "#amp;", ["<"] = "#lt;", [">"] = "#gt;", [";"] = "#59;",
  ["\\"] = "#92;" }

local function dot(plan, opts)
  local data = M.data(plan, opts)
  local lines = { "digraph " .. quoted(data.name, DOT) .. " {", "  rankdir = LR;",
    '  node [fontname = "sans-serif"];' }
  for _, step in ipairs(data.steps) do
    lines[#lines + 1] = ('  %s [label = %s, shape = %s];'):format(quoted(step.name, DOT),
      quoted(label_of(step), DOT), shapes[step.kind])
  end
  for _, step in ipairs(data.steps) do
    for _, need in ipairs(step.needs) do
      lines[#lines + 1] = ('  %s -> %s%s;'):format(quoted(need, DOT), quoted(step.name, DOT),
        step.when == "success" and "" or " [style = dashed]")
    end
  end
  lines[#lines + 1] = "}\n"
  return table.concat(lines, "\n")
end

local borders = { pipeline = { "[", "]" }, play = { "([", "])" }, wait_for = { "[", "]" },
  approval = { "{", "}" }, call = { "(", ")" }, each = { "[[", "]]" } }

local function mermaid(plan, opts)
  local data = M.data(plan, opts)
  local lines, ids = { "flowchart LR" }, {}
  for i, step in ipairs(data.steps) do
    ids[step.name] = "s" .. i
    local border = borders[step.kind]
    lines[#lines + 1] = ('  s%d%s%s%s'):format(i, border[1], quoted(label_of(step), MERMAID), border[2])
  end
  for _, step in ipairs(data.steps) do
    for _, need in ipairs(step.needs) do
      lines[#lines + 1] = ("  %s %s %s"):format(ids[need],
        step.when == "success" and "-->" or "-.->", ids[step.name])
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

local renderers = { tree = tree, dot = dot, mermaid = mermaid,
  json = function(plan, opts)
    return json.encode(M.data(plan, opts)) .. "\n"
  end }

--- The plan as text.
---@param plan table of flow:plan
---@param format string "tree", "dot", "mermaid" or "json"
---@param opts table|nil {times = path -> seconds it took before, unicode = false for ASCII}
---@return string
function M.render(plan, format, opts)
  local renderer = renderers[format or "tree"]
  if not renderer then
    error("plan.render: the format must be one of " .. table.concat(M.formats, ", "), 2)
  end
  return renderer(plan, opts)
end

return M

-- Writes the client's reference from the operations and the annotations of lua/gitlab_pipelines/api.
-- usage: lua5.4 scripts/reference.lua [ROOT] > docs/client.md
-- As a module: `generate(root) -> text`.

local M = {}

local groups = { "projects", "pipelines", "jobs", "artifacts", "triggers", "variables", "environments",
  "deployments", "token" }

-- Methods in a group's module whose operation has another name, or that use several.
local uses = {
  ["pipelines.stages"] = { "jobs.list", "pipelines.trigger_jobs", "pipelines.bridges" },
  ["pipelines.downstream"] = { "pipelines.trigger_jobs", "pipelines.bridges" },
  ["pipelines.trigger_jobs"] = { "pipelines.trigger_jobs", "pipelines.bridges" },
  ["pipelines.tree"] = { "pipelines.get", "jobs.list", "pipelines.trigger_jobs", "pipelines.bridges" },
  ["variables.set"] = { "variables.update", "variables.create" },
  ["projects.resolve"] = { "projects.get" },
  ["token.info"] = { "token.self", "token.oauth", "token.job", "server.user" },
}

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

local function read_lines(path)
  local lines = {}
  for line in assert(io.open(path)):lines() do lines[#lines + 1] = line end
  return lines
end

-- "---@param name type text" and so on, of one block of comment lines.
local function parse_block(block)
  local doc = { text = {}, params = {}, returns = {} }
  local last
  for _, line in ipairs(block) do
    local body = line:match "^%-%-%-%s?(.*)$"
    local tag, rest = body:match "^@(%a+)%s+(.*)$"
    if tag == "param" then
      local name, kind, text = rest:match "^([%w_%.]+)%s+(%S+)%s*(.*)$"
      last = { name = name, kind = kind, text = text }
      doc.params[#doc.params + 1] = last
    elseif tag == "return" then
      last = { text = rest }
      doc.returns[#doc.returns + 1] = last
    elseif last then
      last.text = last.text .. " " .. body:match "^%s*(.*)$"
    else
      doc.text[#doc.text + 1] = body
    end
  end
  doc.text = table.concat(doc.text, " ")
  return doc
end

-- The header comment of a file: its first block of lines that start with two dashes.
local function head_of(lines)
  local text = {}
  for _, line in ipairs(lines) do
    local body = line:match "^%-%-%-?%s?(.*)$"
    if not body then break end
    text[#text + 1] = body
  end
  return table.concat(text, "\n")
end

-- The documented methods of a file, in file order: {name, doc}.
local function methods_of(lines)
  local methods, block = {}, {}
  for number, line in ipairs(lines) do
    if line:match "^%-%-%-" then
      block[#block + 1] = line
    else
      local name = line:match "^function %u%w*[:.]([%w_]+)%(" or line:match "^%u%w*%.([%w_]+) = "
      if name and #block > 0 and number > #block + 1 then
        methods[#methods + 1] = { name = name, doc = parse_block(block) }
      end
      block = {}
    end
  end
  return methods
end

local function call_of(group, name, doc)
  local arguments = {}
  for i, p in ipairs(doc.params) do
    arguments[i] = p.kind:find "|nil" and "[" .. p.name .. "]" or p.name
  end
  return ("gl.%s:%s(%s)"):format(group, name, table.concat(arguments, ", "))
end

local function list_of(values)
  local words = {}
  for i, value in ipairs(values) do words[i] = tostring(value) end
  return table.concat(words, ", ")
end

-- One line about an endpoint.
local function endpoint(op)
  local facts = { "`" .. op.method .. " " .. op.path .. "`" }
  facts[#facts + 1] = op.scope and "scope `" .. op.scope .. "`" or "any token"
  facts[#facts + 1] = op.job_token and "job token: yes" or "job token: no"
  facts[#facts + 1] = "effect `" .. op.effect .. "`"
  facts[#facts + 1] = "success " .. list_of(op.success)
  facts[#facts + 1] = "404 is `" .. op.not_found .. "`"
  return table.concat(facts, "; ")
end

local function add_method(out, operations, group, name, doc)
  out[#out + 1] = ("### `%s`"):format(call_of(group, name, doc))
  out[#out + 1] = ""
  out[#out + 1] = doc.text
  out[#out + 1] = ""
  for _, p in ipairs(doc.params) do
    local kind = p.kind:gsub("|", " or ")
    out[#out + 1] = ("- `%s` (%s)%s"):format(p.name, kind, p.text ~= "" and ": " .. p.text or "")
  end
  for _, r in ipairs(doc.returns) do out[#out + 1] = "- returns " .. r.text:gsub("|", " or ") end
  for _, full in ipairs(doc.uses or uses[group .. "." .. name] or { group .. "." .. name }) do
    local op = operations.find(full)
    if op then out[#out + 1] = ("- %s (`%s`)"):format(endpoint(op), full) end
  end
  out[#out + 1] = ""
end

local results = {
  object = "table|nil result, table|nil err", list = "table[]|nil rows, table|nil err",
  none = "true|nil ok, table|nil err",
}

-- The other parameters of an operation in brief, except for pagination.
local function further(op)
  local names = {}
  for _, p in ipairs(op.further) do
    if p.name ~= "page" and p.name ~= "per_page" then
      names[#names + 1] = p.name .. (p.required and " (required)" or "")
    end
  end
  if op.last == "filters" then names[#names + 1] = "limit, from" end
  return table.concat(names, ", ")
end

-- What the plain method of an operation takes and returns; see api/methods.lua.
local function plain_doc(op, is_each)
  local params, text = { { name = "project", kind = "integer|string", text = "" } }, further(op)
  for _, p in ipairs(op.arguments) do
    params[#params + 1] = { name = p.name, text = p.help,
      kind = (p.type == "id" and "integer" or "string") .. (p.required and "" or "|nil") }
  end
  if op.last then
    params[#params + 1] = { name = op.last, text = text, kind = op.last == "filters" and "table|nil" or "table" }
    text = ""
  end
  params[#params + 1] = { name = "opts", kind = "table|nil", text = text }
  local returns = is_each and "fun(): table|nil iterator; it raises the error" or results[op.result]
  return { text = op.help .. (is_each and " One row after the other." or ""), params = params,
    returns = { { text = returns } }, uses = { op.name } }
end

local function add_group(out, operations, root, group)
  local base = ("%s/lua/gitlab_pipelines/api/%s"):format(root, group)
  local lines = read_lines(base .. (exists(base .. ".lua") and ".lua" or "/init.lua"))
  out[#out + 1] = "## gl." .. group
  out[#out + 1] = ""
  out[#out + 1] = (head_of(lines):gsub("^gl%." .. group .. ": (%l)", string.upper))
  out[#out + 1] = ""
  local own, all_own = {}, methods_of(lines)
  for _, method in ipairs(all_own) do own[method.name] = method.doc end
  local function add(name, plain)
    add_method(out, operations, group, name, own[name] or plain)
    own[name] = nil
  end
  for _, op in ipairs(operations.all) do
    if op.group == group and not op.inner then
      add(op.short, not own[op.short] and plain_doc(op))
      if op.each then add(op.each, plain_doc(op, true)) end
    end
  end
  for _, method in ipairs(all_own) do
    if own[method.name] then add(method.name) end
  end
end

local function cell(text) return (tostring(text or ""):gsub("|", "\\|")) end

local function add_operations(out, operations)
  out[#out + 1] = "## Operations"
  out[#out + 1] = ""
  out[#out + 1] = "Every endpoint that the client knows, with its parameters. A name in brackets is"
    .. " GitLab's own where ours differs."
  out[#out + 1] = ""
  for _, op in ipairs(operations.all) do
    out[#out + 1] = ("### %s"):format(op.name)
    out[#out + 1] = ""
    out[#out + 1] = op.help .. " " .. endpoint(op) .. "."
    out[#out + 1] = ""
    if #op.params > 0 then
      out[#out + 1] = "| parameter | where | type | |"
      out[#out + 1] = "|---|---|---|---|"
      for _, p in ipairs(op.params) do
        local name = "`" .. p.name .. "`" .. (p.wire and " (`" .. p.wire .. "`)" or "")
        local help = p.help .. (p.required and " (required)" or "")
        if p.one_of then help = help .. ": " .. table.concat(p.one_of, ", ") end
        out[#out + 1] = ("| %s | %s | %s | %s |"):format(cell(name), p.where, cell(p.type), cell(help))
      end
      out[#out + 1] = ""
    end
  end
end

local HEAD = [[
# Client reference

Written by `scripts/reference.lua` from the operations and the annotations in the code; do not edit
it by hand. `project` is a number or a full path such as `group/app`. The last argument of every
call may be `{timeout, retry = false, priority}`. Every call returns its result, or `nil` and an
error object; `each` raises it. Arguments of a wrong type raise and name the argument.
]]

--- The reference as Markdown.
---@param root string the folder of the checkout
---@return string
function M.generate(root)
  local operations = require "gitlab_pipelines.operations"
  local out = { HEAD }
  for _, group in ipairs(groups) do add_group(out, operations, root, group) end
  add_operations(out, operations)
  while out[#out] == "" do out[#out] = nil end
  return table.concat(out, "\n") .. "\n"
end

if arg and arg[0] and arg[0]:match "scripts/reference%.lua$" then
  local root = arg[1] or "."
  package.path = root .. "/lua/?.lua;" .. package.path
  io.stdout:write(M.generate(root))
end

return M

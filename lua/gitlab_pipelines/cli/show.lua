--- `gitlab-pipelines show ID`: a pipeline as a tree of stages, jobs and downstream pipelines, and
--- what made it fail.

local flows = require "gitlab_pipelines.cli.flows"
local output = require "gitlab_pipelines.cli.output"
local shared = require "gitlab_pipelines.cli.shared"

local M = {}

function M.define(parser)
  local command = parser:command("show",
    "Show a pipeline's stages, jobs and downstream pipelines, and why it failed.")
  shared.project(command)
  shared.id(command, "pipeline", "the pipeline's id")
  return command
end

local UNICODE = { last = "└─ ", more = "├─ ", under_last = "   ", under_more = "│  " }
local ASCII = { last = "`- ", more = "|- ", under_last = "   ", under_more = "|  " }

-- The parts of one line: those without a value fall out.
local function words(...)
  local list = {}
  for i = 1, select("#", ...) do
    local word = select(i, ...)
    if word and word ~= "" then list[#list + 1] = word end
  end
  return table.concat(list, "  ")
end

-- The tree as entries {before, status, after, children}: what is shown, apart from how.
local tree_of

local function job_entry(job, child)
  local reason = job.failure_reason and output.plain(job.failure_reason)
  local entry = { status = job.status, children = {},
    before = words(output.plain(job.id), output.plain(job.name)),
    after = words(output.duration(job.duration), job.allow_failure and job.status == "failed"
      and "may fail", reason) }
  if child then entry.children[1] = tree_of(child) end
  return entry
end

function tree_of(node)
  local entry = { status = node.status, children = {},
    before = "pipeline " .. output.plain(node.id),
    after = words(node.ref and output.plain(node.ref), output.duration(node.duration),
      output.plain(node.web_url or ""),
      node.error and "cannot be read: " .. output.plain(node.error.message)) }
  local below = {}
  for _, child in ipairs(node.downstream) do
    if child.trigger_job then below[child.trigger_job.id] = child end
  end
  for _, stage in ipairs(node.stages) do
    local group = { status = stage.status, children = {}, before = output.plain(stage.name) }
    for _, job in ipairs(stage.jobs) do
      group.children[#group.children + 1] = job_entry(job, below[job.id])
    end
    entry.children[#entry.children + 1] = group
  end
  return entry
end

-- Cut first, coloured then: a colour takes no room.
local function line_of(entry, prefix, style)
  local head = entry.before .. "  "
  local text = output.plain(words(entry.before, entry.status, entry.after))
  if style.width then text = output.cut(text, math.max(1, style.width - output.width_of(prefix)),
      output.more(style.unicode)) end
  local status = entry.status or ""
  if style.color and status ~= "" and text:sub(1, #head + #status) == head .. status then
    text = head .. output.status(status, true) .. text:sub(#head + #status + 1)
  end
  return prefix .. text
end

--- The lines of a tree. Pure.
---@param node table a tree of gl.pipelines:tree
---@param style {width: integer|nil, color: boolean, unicode: boolean}
---@return string[] lines
function M.lines(node, style)
  local marks = style.unicode and UNICODE or ASCII
  local lines = {}
  local function add(entry, prefix, below)
    lines[#lines + 1] = line_of(entry, prefix, style)
    for i, child in ipairs(entry.children) do
      local last = i == #entry.children
      add(child, below .. (last and marks.last or marks.more),
        below .. (last and marks.under_last or marks.under_more))
    end
  end
  add(tree_of(node), "", "")
  return lines
end

local function say_failure(ctx, job)
  ctx:print ""
  ctx:print("%s failed first%s", output.plain(job.name),
    job.failure_reason and ": " .. output.plain(job.failure_reason) or "")
  if job.web_url then ctx:print("  %s", output.plain(job.web_url)) end
  -- Cleaned whole: a secret may go on in the next line.
  for line in output.clean(job.log or ""):gmatch "[^\n]+" do ctx:print("  | %s", output.plain(line)) end
end

function M.run(ctx, args)
  local tree = ctx:check(ctx:client().pipelines:tree(ctx:project(), args.pipeline))
  if ctx.args.json then
    ctx:json(tree)
    return 0
  end
  local width = ctx.terminal and require("gitlab_pipelines.core").term.size(1) or nil
  for _, line in ipairs(M.lines(tree, { width = width, color = ctx.color, unicode = flows.unicode() })) do
    ctx:print("%s", line)
  end
  if tree.first_failure then say_failure(ctx, tree.first_failure) end
  return 0
end

return M

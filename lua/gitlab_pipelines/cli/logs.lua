--- `gitlab-pipelines logs JOB`: a job's log, whole, in part, searched or followed.

local exit = require "gitlab_pipelines.cli.exit"
local output = require "gitlab_pipelines.cli.output"
local shared = require "gitlab_pipelines.cli.shared"

local M = {}

function M.define(parser)
  local command = parser:command("logs", "Print, search or follow a job's log.")
  shared.project(command)
  shared.id(command, "job", "the job's id; with --pipeline, the pipeline's")
  command:flag("-f --follow", "follow the log until the job ends; its status decides the exit code")
  command:flag("--pipeline", "with -f: follow all jobs of a pipeline")
  command:option("--search", "print only lines that match this Lua pattern"):argname "<pattern>"
  command:option("-C --context", "with --search: also print this many lines around each match"):argname "<n>"
    :convert(shared.whole_number)
  command:option("--section", "print only this section"):argname "<name>"
  command:option("--tail", "print only this many lines from the end"):argname "<n>":convert(shared.whole_number)
  command:option("--from", "start at this line"):argname "<n>":convert(shared.whole_number)
  command:option("--format", "output format (default: ansi on a color terminal, else text)")
    :choices { "text", "raw", "ansi", "html" }
  command:option("--timeout", "with -f: stop after this long (default: 2h)"):argname "<duration>"
  command:option("-o --output", "save the log to this file, byte for byte as GitLab sends it"):argname "<file>"
  return command
end

-- Gives lines on to `emit` without the secrets in them, also those that go on in the next line: a line
-- waits while what follows may show that it ends in one. What is cleaned are the named fields.
local function lines(fields, emit)
  local streams, waiting, first = {}, {}, 1
  for i, name in ipairs(fields) do streams[i] = { name = name, stream = output.stream(), ready = {}, part = "" } end
  local function take(one, text)
    text = one.part .. text
    local from = 1
    for line, to in text:gmatch "([^\n]*)\n()" do
      one.ready[#one.ready + 1], from = line, to
    end
    one.part = text:sub(from)
  end
  local function give()
    while waiting[first] do
      for _, one in ipairs(streams) do
        if one.ready[1] == nil then return end
      end
      local line = waiting[first]
      for _, one in ipairs(streams) do line[one.name] = table.remove(one.ready, 1) end
      waiting[first], first = nil, first + 1
      emit(line)
    end
  end
  local last = 0
  local self = {}
  function self.add(line)
    last = last + 1
    waiting[last] = line
    for _, one in ipairs(streams) do take(one, one.stream:feed((line[one.name]:gsub("\n", " ")) .. "\n")) end
    give()
  end
  function self.finish()
    for _, one in ipairs(streams) do take(one, one.stream:finish()) end
    give()
  end
  return self
end

-- As HTML a secret may stand in several tags: it is looked for before they are made. So GitLab's lines are
-- asked for with their colours as escapes. Returns the format to ask for, and what renders a line of it.
local function renderer(format)
  if format ~= "html" then return format, function(text) return text end end
  local core = require "gitlab_pipelines.core"
  return "ansi", function(text)
    local parser = core.joblog.parser { format = "html" }
    local parts = {}
    for _, list in ipairs { parser:feed(text .. "\n"), parser:finish() } do
      for _, line in ipairs(list) do parts[#parts + 1] = line.text end
    end
    return table.concat(parts)
  end
end

-- A follower's lines, those of each job by themselves.
local function of_jobs(emit)
  local jobs, order = {}, {}
  local self = {}
  function self.add(line)
    local id = line.job and line.job.id or 0
    if not jobs[id] then
      jobs[id] = lines({ "text", "plain" }, emit)
      order[#order + 1] = id
    end
    jobs[id].add(line)
  end
  function self.finish()
    for _, id in ipairs(order) do jobs[id].finish() end
  end
  return self
end

local function follow(ctx, args)
  local project, gl = ctx:project(), ctx:client()
  local format = args.format or (ctx.color and "ansi" or "text")
  shared.greet(ctx, args.pipeline and gl.pipelines or gl.jobs, project, args.job)
  local asked, render = renderer(format)
  local shown = of_jobs(function(line)
    line.text = render(line.text)
    if ctx.args.json then
      line.job = line.job and line.job.id or args.job
      ctx:json(line)
      return
    end
    local name = args.pipeline and "[" .. output.plain(line.job.name) .. "] " or ""
    ctx:write(name .. line.text .. "\n", format == "raw")
    io.stdout:flush()
  end)
  local job, verdict, code = ctx:interruptible(function()
    return gl.jobs:follow(project, args.job, {
      pipeline = args.pipeline or nil, from = args.from, format = asked,
      timeout = shared.seconds(ctx, "--timeout", args.timeout),
      on_line = shown.add,
      on_restart = function(reason)
        ctx:note("gitlab-pipelines: the log starts again (%s)", reason)
      end,
    })
  end)
  shown.finish()
  if verdict == "interrupted" then return exit.interrupted end
  ctx:check(job, verdict)
  ctx:note("%s %d  %s%s", args.pipeline and "pipeline" or "job", job.id, verdict,
    code and "  exit code " .. code or "")
  return exit.of_verdict(verdict)
end

--- The lines of hits, each once, as grep shows them: "7:hit", "8-what is around it", and "--" between
--- what does not follow each other. Pure.
---@param hits table[] of gl.jobs:search_log
---@return string[] lines
function M.around(hits)
  local list, last = {}, nil
  local function add(number, mark, text)
    if last and number > last + 1 then list[#list + 1] = "--" end
    list[#list + 1] = ("%d%s%s"):format(number, mark, text)
    last = number
  end
  local with_context = false
  for _, hit in ipairs(hits) do
    with_context = with_context or #hit.before > 0 or #hit.after > 0
  end
  for i, hit in ipairs(hits) do
    if not with_context then last = nil end
    for j, text in ipairs(hit.before) do
      local number = hit.number - #hit.before + j - 1
      if not last or number > last then add(number, "-", text) end
    end
    add(hit.number, ":", hit.text)
    local next_hit = hits[i + 1]
    for j, text in ipairs(hit.after) do
      local number = hit.number + j
      if next_hit and number >= next_hit.number then break end
      add(number, "-", text)
    end
  end
  return list
end

-- Takes secrets out of hits and what is around them, each line once: also one that goes on from a line
-- to the next.
local function clean_hits(hits)
  local all, numbers = {}, {}
  local function note(number, text)
    if all[number] == nil then numbers[#numbers + 1] = number end
    all[number] = text
  end
  for _, hit in ipairs(hits) do
    for j, text in ipairs(hit.before) do note(hit.number - #hit.before + j - 1, text) end
    note(hit.number, hit.text)
    for j, text in ipairs(hit.after) do note(hit.number + j, text) end
  end
  table.sort(numbers)
  local at = 0
  local cleaner = lines({ "text" }, function(line)
    at = at + 1
    all[numbers[at]] = line.text
  end)
  for _, number in ipairs(numbers) do cleaner.add { text = all[number] } end
  cleaner.finish()
  for _, hit in ipairs(hits) do
    for j in ipairs(hit.before) do hit.before[j] = all[hit.number - #hit.before + j - 1] end
    hit.text = all[hit.number]
    for j in ipairs(hit.after) do hit.after[j] = all[hit.number + j] end
  end
end

local function search(ctx, args)
  if not pcall(string.find, "", args.search) then
    ctx:stop("--search wants a Lua pattern, not '" .. args.search .. "'")
  end
  local hits = ctx:check(ctx:client().jobs:search_log(ctx:project(), args.job, args.search,
    { section = args.section, context = args.context }))
  clean_hits(hits)
  if ctx.args.json then
    for _, hit in ipairs(hits) do ctx:json(hit) end
  else
    for _, line in ipairs(M.around(hits)) do ctx:print("%s", line) end
  end
  return #hits > 0 and exit.success or exit.failed
end

-- What the command does, in the order in which it looks, and which options go with it.
local ACTS = {
  { name = "follow", shown = "-f", pipeline = true, from = true, format = true, timeout = true },
  { name = "search", shown = "--search", context = true, section = true },
  { name = "output", shown = "-o" },
  { shown = "a log that is printed", section = true, tail = true, from = true, format = true },
}

local OPTIONS = { "pipeline", "search", "context", "section", "tail", "from", "format", "timeout",
  "output" }

-- An option that would be passed over in silence is a mistake.
local function refuse_mixture(ctx, args)
  local act
  for _, one in ipairs(ACTS) do
    act = one
    if not one.name or args[one.name] then break end
  end
  for _, name in ipairs(OPTIONS) do
    if args[name] and name ~= act.name and not act[name] then
      ctx:stop(("--%s does not go with %s"):format(name, act.shown))
    end
  end
end

function M.run(ctx, args)
  refuse_mixture(ctx, args)
  if args.follow then return follow(ctx, args) end
  if args.search then return search(ctx, args) end
  local project, gl = ctx:project(), ctx:client()
  if args.output then
    local saved = ctx:check(gl.jobs:save_log(project, args.job, args.output))
    ctx:print("%s  %d bytes", saved.file, saved.bytes)
    return exit.success
  end
  local opts = { format = args.format or (ctx.color and "ansi" or "text"), section = args.section,
    tail = args.tail, from_line = args.from }
  local render
  opts.format, render = renderer(opts.format)
  if not ctx.args.json and not opts.tail and opts.format ~= "raw" then
    -- However long it is.
    local shown = lines({ "text" }, function(line) ctx:write(render(line.text) .. "\n") end)
    local ok, err = require("gitlab_pipelines.api.logs").each(gl.jobs, project, args.job, opts, shown.add)
    shown.finish()
    ctx:check(ok, err)
    return exit.success
  end
  local text = ctx:check(gl.jobs:log(project, args.job, opts))
  text = output.clean(text):gsub("[^\n]+", render)
  if ctx.args.json then
    ctx:json { job = args.job, log = text }
  else
    ctx:write(text, opts.format == "raw")
  end
  return exit.success
end

return M

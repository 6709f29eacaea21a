--- `gitlab-pipelines artifacts list|get|extract`: what a job left behind.

local exit = require "gitlab_pipelines.cli.exit"
local flows = require "gitlab_pipelines.cli.flows"
local list = require "gitlab_pipelines.cli.list"
local output = require "gitlab_pipelines.cli.output"
local progress = require "gitlab_pipelines.cli.progress"
local shared = require "gitlab_pipelines.cli.shared"

local M = {}

-- The job: by its id, or by its name in the newest successful pipeline of a ref.
local function job(command)
  shared.project(command)
  command:argument("job", "the job's id (or use --ref and --job-name)"):args "?"
  command:option("-r --ref", "take the newest successful pipeline of this branch or tag"):argname "<ref>"
  command:option("--job-name", "with --ref: the job's name"):argname "<name>"
end

local function positive(text)
  local number = tonumber(text)
  if not number or number <= 0 then return nil, "'" .. text .. "' is not a positive number" end
  return number
end

function M.define(parser)
  local group = parser:command("artifacts", "List, download or extract a job's artifacts.")
    :command_target "action"
  group:require_command(true)

  local command = group:command("list", "List the files of a job's archive without downloading it.")
  job(command)
  command:argument("folder", "list only this folder"):args "?"
  command:flag("--flat", "list one level only")

  command = group:command("get", "Download a job's archive, or one file of it.")
  job(command)
  command:argument("file", "file to write; - is standard output (default: artifacts.zip, or the name in --path)")
    :args "?"
  command:option("--path", "download only this file of the archive"):argname "<path>"
  command:option("--verify", "what to verify before the file gets its name"):default "length"
    :choices { "length", "crc", "none" }
  command:flag("--no-resume", "do not resume a partial download, and keep none")

  command = group:command("extract", "Download a job's archive and extract it, within bounds.")
  job(command)
  command:argument("folder", "folder to extract into (default: the current one)"):args "?"
  command:option("--path", "extract only this file or folder of the archive"):argname "<path>":count "*"
  command:option("--max-bytes", "refuse archives that hold more bytes (default: 16 GiB)"):argname "<n>"
    :convert(positive)
  command:option("--max-entries", "refuse archives with more entries (default: 200000)"):argname "<n>"
    :convert(positive)
  command:option("--max-ratio", "refuse entries with a higher compression ratio (default: 200)"):argname "<n>"
    :convert(positive)
  return group
end

-- With --ref the first word after the action is the second: there is no id.
local function words(ctx, args, second)
  if not args.ref then
    if args.job_name then ctx:stop "--job-name goes with --ref" end
    if not args.job then ctx:stop "which job? give its id, or --ref and --job-name" end
    local id = tonumber(args.job)
    if not id or id % 1 ~= 0 or id < 1 then ctx:stop("'" .. args.job .. "' is not an id") end
    return math.floor(id), args[second]
  end
  if not args.job_name then ctx:stop "--ref needs --job-name" end
  if args.job and args[second] then ctx:stop "give either a job's id or --ref, not both" end
  return nil, args.job
end

-- The id that --ref and --job-name mean.
local function find(ctx, args, gl, project)
  local id, err = require("gitlab_pipelines.api.artifacts.latest").job_id(gl, project, args.ref, args.job_name)
  if id then return id end
  if err then ctx:check(nil, err) end
  ctx:stop(("there is no job %s with artifacts in the newest successful pipeline of %s"):format(
    output.plain(args.job_name), output.plain(args.ref)), exit.refused)
end

-- Runs `fetch(on_progress)` as a task with a bar on the terminal; its result, or the command ends.
local function transfer(ctx, name, fetch)
  local term = require("gitlab_pipelines.core").term
  local bar
  if term.isatty(2) and not ctx.args.quiet and not ctx.args.json then
    bar = progress.bar { name = name, now = function() return ctx:client().runtime:now() end,
      unicode = flows.unicode(),
      width = function() return (term.size(2)) end,
      write = function(text)
        io.stderr:write(text)
        io.stderr:flush()
      end }
  end
  local result, err = ctx:interruptible(function() return fetch(bar and bar.on_progress) end)
  if bar then bar.finish() end
  if err == "interrupted" then ctx:stop("interrupted", exit.interrupted) end
  if not result and require("gitlab_pipelines.errors").is_error(err) and err:is "TaskError.Cancelled" then
    -- Not somebody, but something stopped it: the disk is full, the reader has gone.
    ctx:stop(tostring(err), exit.refused)
  end
  return ctx:check(result, err)
end

local actions = {}

function actions.list(ctx, args)
  local id, folder = words(ctx, args, "folder")
  local project, gl = ctx:project(), ctx:client()
  id = id or find(ctx, args, gl, project)
  local rows = ctx:check(gl.artifacts:browse(project, id, folder, { recursive = not args.flat }))
  if ctx.args.json then
    for _, row in ipairs(rows) do ctx:json(row) end
    return exit.success
  end
  local cells = {}
  for i, row in ipairs(rows) do
    cells[i] = { row.mode or "", output.bytes(tonumber(row.size)), output.plain(row.path) }
  end
  list.print(ctx, { "MODE", "SIZE", "PATH" }, cells)
  return exit.success
end

local function to_stdout(chunk)
  local ok, message = io.stdout:write(chunk)
  if not ok then return nil, "cannot write: " .. tostring(message) end
  return true
end

function actions.get(ctx, args)
  local id, file = words(ctx, args, "file")
  local project, gl = ctx:project(), ctx:client()
  local name = args.path and args.path:match "([^/]+)/*$" or "artifacts.zip"
  local target = file == "-" and to_stdout or file or name
  if target == to_stdout and ctx.args.json then ctx:stop "--json and - both want standard output" end
  if target == to_stdout and args.verify == "crc" then ctx:stop "--verify crc needs a file" end
  if args.path and not id then id = find(ctx, args, gl, project) end
  local saved = transfer(ctx, output.plain(type(target) == "string" and target or name), function(on_progress)
    local opts = { on_progress = on_progress, verify = args.verify,
      resume = not args.no_resume }
    if args.path then return gl.artifacts:file(project, id, args.path, target, opts) end
    if id then return gl.artifacts:download(project, id, target, opts) end
    return gl.artifacts:latest(project, args.ref, args.job_name, target, opts)
  end)
  if target == to_stdout then
    io.stdout:flush()
  elseif ctx.args.json then
    ctx:json(saved)
  else
    ctx:say("%s  %s  %s", output.plain(saved.file), output.bytes(saved.bytes),
      saved.verified == "none" and "not verified" or "verified by " .. saved.verified)
  end
  return exit.success
end

function actions.extract(ctx, args)
  local id, folder = words(ctx, args, "folder")
  local project, gl = ctx:project(), ctx:client()
  id = id or find(ctx, args, gl, project)
  folder = folder or "."
  local tally = transfer(ctx, output.plain(folder), function(on_progress)
    return gl.artifacts:extract(project, id, folder, { on_progress = on_progress,
      paths = #args.path > 0 and args.path or nil, max_bytes = args.max_bytes,
      max_entries = args.max_entries, max_ratio = args.max_ratio })
  end)
  if ctx.args.json then
    ctx:json(tally)
  else
    ctx:say("%s  %d files  %s", output.plain(tally.folder), tally.files, output.bytes(tally.bytes))
  end
  return exit.success
end

function M.run(ctx, args)
  return actions[args.action](ctx, args)
end

return M

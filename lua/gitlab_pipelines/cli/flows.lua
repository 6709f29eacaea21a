--- What `run`, `runs` and `plan` share: the script, its inputs, a client, real or simulated, and what is
--- said about a run that is left before its end.

local screen = require "gitlab_pipelines.terminal"

local M = {}

--- Adds the script, -i, --allow-host.
function M.script(command)
  command:argument("flow", "the flow script")
  command:option("-i --input", "set an input of the flow"):argname "<NAME=VALUE>":count "*"
  M.environment(command)
  command:flag("--allow-host", "trust the script: give it os, io, require, load and the whole client, without budgets")
end

--- Adds --env.
function M.environment(command)
  command:option("--env", "let the script read this environment variable"):argname "<NAME>"
    :count "*"
end

--- { NAME = value } of --env; what is not set is left out.
function M.env(args)
  local values = {}
  for _, name in ipairs(args.env or {}) do values[name] = os.getenv(name) end
  return values
end

--- { NAME = value } of -i; what is a number or a boolean is for the script's declaration to say.
function M.inputs(ctx, args)
  local values = {}
  for _, text in ipairs(args.input) do
    local name, value = text:match "^([%w_]+)=(.*)$"
    if not name then ctx:stop("-i wants NAME=VALUE, not '" .. text .. "'") end
    values[name] = value
  end
  return values
end

-- The world to simulate with: the one named, else the one beside the script.
local function world_of(ctx, args)
  if args.simulate[1] then return args.simulate[1] end
  local beside = args.flow:gsub("%.lua$", "") .. "-world.lua"
  local file = io.open(beside)
  if not file then
    ctx:stop("--simulate needs a world: name one, or write " .. beside)
  end
  file:close()
  return beside
end

--- The client: of GitLab, or with --simulate of the simulated one in virtual time.
function M.client(ctx, args)
  if not args.simulate then return ctx:client() end
  local gitlab = require "gitlab_pipelines"
  local token = "simulated-token"
  local runtime = gitlab.runtime.virtual.new { seed = 1 }
  local transport, reason = gitlab.mock.new { world = world_of(ctx, args), token = token }
  if not transport then ctx:stop(tostring(reason)) end
  return ctx:client { transport = transport, runtime = runtime, token = token,
    url = "http://127.0.0.1", limits = false }
end

-- What a person types -----------------------------------------------------------------------------

-- One word of a shell's command line.
local function word(text)
  text = tostring(text)
  if text:find "^[%w_%-%./:=,@%%+]+$" then return text end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Options that every command of this run needs again.
local repeated = { { "url", "--url" }, { "token_file", "--token-file" },
  { "secrets_file", "--secrets-file" } }

local function common(args)
  local words = {}
  for _, option in ipairs(repeated) do
    local value = args[option[1]]
    if value then words[#words + 1] = option[2] .. " " .. word(value) end
  end
  return #words > 0 and " " .. table.concat(words, " ") or ""
end

local function secrets(run)
  local words = {}
  for _, secret in ipairs(run.secrets) do words[#words + 1] = " -i " .. secret.name .. "=..." end
  return table.concat(words)
end

--- The command that resumes a run.
---@param run table
---@param args table the command's arguments; `flow` is the script, by default the run's own
---@return string
function M.resume_command(run, args)
  local words = { "gitlab-pipelines run", word(args.flow or run.plan.file), "--resume", run.id }
  if args.journal then words[#words + 1] = "--journal " .. word(args.journal) end
  if args.allow_host then words[#words + 1] = "--allow-host" end
  if args.accept_changes then words[#words + 1] = "--accept-changes" end
  return table.concat(words, " ") .. secrets(run) .. common(args)
end

--- The command that cancels a run which no process holds.
function M.cancel_command(run, args)
  local words = { "gitlab-pipelines runs cancel", run.id }
  if args.journal then words[#words + 1] = "--journal " .. word(args.journal) end
  if args.accept_changes then words[#words + 1] = "--accept-changes" end
  return table.concat(words, " ") .. secrets(run) .. common(args)
end

local function left_line(row, args)
  local name = screen.plain(row.path)
  local played = row.kind == "play"
  if not row.project or played and not row.job_id or not row.pipeline_id then
    return ("%s: whether GitLab %s is not known yet; resuming the run finds out"):format(name,
      played and "plays the job" or "makes the pipeline")
  end
  return ("%s: left running%s; cancel it with: gitlab-pipelines cancel -p %s %s%d%s"):format(name,
    row.web_url and " (" .. screen.plain(row.web_url) .. ")" or "", word(row.project),
    played and "--job " or "", played and row.job_id or row.pipeline_id, common(args))
end

-- What a person may decide about a step in doubt, as commands.
local function doubt_lines(row, resume)
  local name = word((row.path:gsub("/", ".", 1)))
  local lines = { ("%s is in doubt: %s"):format(screen.plain(row.path), row.error.message) }
  if row.kind == "pipeline" then
    local ids = row.error.candidates or {}
    for i = 1, math.min(#ids, 10) do
      lines[#lines + 1] = ("  if it is pipeline %d: %s --adopt %s=%d"):format(ids[i], resume, name, ids[i])
    end
    if #ids == 0 then
      lines[#lines + 1] = ("  if it is there: %s --adopt %s=ID"):format(resume, name)
    elseif #ids > 10 then
      lines[#lines + 1] = ("  and so for %d more"):format(#ids - 10)
    end
  end
  lines[#lines + 1] = ("  if nothing was made: %s --send-again %s"):format(resume, name)
  return lines
end

--- Says on stderr what a run that has not ended leaves behind, and how to go on: always when it cannot
--- go on here, else unless -q.
---@param args table the command's arguments
---@param run table
function M.tell_left(args, run)
  if run.ended or args.quiet and not run.trouble then return end
  local function tell(text) io.stderr:write("gitlab-pipelines: ", screen.harmless(text), "\n") end
  if run.trouble then tell(tostring(run.trouble)) end
  local resume = M.resume_command(run, args)
  for _, row in ipairs(run:left_running()) do tell(left_line(row, args)) end
  for _, row in ipairs(run:in_doubt()) do
    for _, line in ipairs(doubt_lines(row, resume)) do tell(line) end
  end
  if not run.journal then return end
  -- Who gave up a cancel has seen enough of it: what is left to do, another process does.
  tell(("run %s is not over; %s with: %s"):format(run.id, run.cancelling and "finish it" or "resume it",
    run.cancelling and M.cancel_command(run, args) or resume))
end

--- Does the terminal show UTF-8, as far as the environment tells?
function M.unicode()
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = os.getenv(name)
    if value and value ~= "" then return value:lower():find "utf%-?8" ~= nil end
  end
  return true
end

return M

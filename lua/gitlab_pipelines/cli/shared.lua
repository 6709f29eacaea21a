--- Pieces that several subcommands define or do alike.

local exit = require "gitlab_pipelines.cli.exit"
local output = require "gitlab_pipelines.cli.output"

local M = {}

--- Adds -p/--project.
function M.project(command)
  command:option("-p --project", "project as GROUP/NAME or id (else CI_PROJECT_ID)")
    :argname "<project>"
end

--- A whole number from 1 on, for an argument's `convert`.
---@param text string
---@return integer|nil number
---@return string|nil message
function M.whole_number(text)
  local number = text:match "^%d+$" and tonumber(text)
  if not number or number < 1 then return nil, "'" .. text .. "' is not a whole number from 1 on" end
  return math.floor(number)
end

--- The same for an id.
function M.id_of(text)
  local number = M.whole_number(text)
  if not number then return nil, "'" .. text .. "' is not an id" end
  return number
end

--- Adds a positional id.
function M.id(command, name, help)
  command:argument(name, help):convert(M.id_of)
end

--- Adds -v/--variable and --input, as on `trigger` and `play`.
function M.values(command)
  command:option("-v --variable", "set a variable"):argname "<K=V>":count "*"
  command:option("--input", "set an input; K:=JSON keeps its type"):argname "<K=V>":count "*"
end

--- { KEY = "value" } of a list of "KEY=value"; wrong usage otherwise.
function M.variables(ctx, list)
  if not list or #list == 0 then return nil end
  local values = {}
  for _, text in ipairs(list) do
    local key, value = text:match "^([^=]+)=(.*)$"
    if not key then ctx:stop("-v wants KEY=VALUE, not '" .. text .. "'") end
    values[key] = value
  end
  return values
end

--- Inputs of a list of "K=V" and "K:=JSON".
function M.inputs(ctx, list)
  if not list or #list == 0 then return nil end
  local json = require "gitlab_pipelines.json"
  local values = {}
  for _, text in ipairs(list) do
    local key, raw = text:match "^([^=]-):=(.*)$"
    if key then
      local value, reason = json.decode(raw)
      if value == nil then ctx:stop("--input " .. key .. ": not JSON: " .. tostring(reason)) end
      values[key] = value
    else
      local name, value = text:match "^([^=]+)=(.*)$"
      if not name then ctx:stop("--input wants K=V or K:=JSON, not '" .. text .. "'") end
      values[name] = value
    end
  end
  return values
end

--- Seconds of "30m"; wrong usage otherwise.
function M.seconds(ctx, option, text)
  if not text then return nil end
  local value = require("gitlab_pipelines.options").seconds(text)
  if not value then ctx:stop(option .. " wants a duration such as 90s, 30m or 1h30m, not '" .. text .. "'") end
  return value
end

--- Options of a wait, as on `wait` and `trigger --wait`.
function M.wait_options(command)
  command:option("--timeout", "stop waiting after this long (default: 2h)"):argname "<duration>"
  command:option("--on-manual", "when a manual job blocks: stop waiting, play it, or keep waiting")
    :choices { "block", "play", "ignore" }:default "block"
end

--- Looks once before a wait, which bears errors for minutes: where there is nobody at all to be asked,
--- that is said at once. What is not there may still appear.
function M.greet(ctx, group, project, id)
  local row, err = group:get(project, id)
  if not row and not err:is "AccessError" then ctx:check(nil, err) end
end

--- Waits for a pipeline, says each change, and returns the exit code. `shown` is the status that was
--- said already, if any.
function M.wait(ctx, args, gl, project, pipeline, shown)
  local function line(row, status)
    if ctx.args.json then
      ctx:json { event = "pipeline", id = row.id, status = status, web_url = row.web_url }
    else
      ctx:say("pipeline %d  %s  %s", row.id, output.status(status, ctx.color),
        output.plain(row.web_url or ""))
    end
  end
  local last = shown and { status = shown }
  local final, verdict = ctx:interruptible(function()
    return gl.pipelines:wait(project, pipeline, {
      timeout = M.seconds(ctx, "--timeout", args.timeout),
      on_manual = args.on_manual,
      on_change = function(row)
        if not last or last.status ~= row.status then line(row, row.status) end
        last = row
      end,
    })
  end)
  if verdict == "interrupted" then
    if args.cancel_on_interrupt then
      local _, err = gl.pipelines:cancel(project, pipeline)
      ctx:say("pipeline %d  %s", pipeline, err and tostring(err) or "canceled")
    end
    return exit.interrupted
  end
  ctx:check(final, verdict)
  if not last or last.status ~= final.status or verdict ~= final.status then line(final, verdict) end
  return exit.of_verdict(verdict)
end

return M

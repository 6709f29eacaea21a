--- A run as one HTML file: nothing is fetched, nothing runs in it. Steps with their times on one
-- time line, links, why something was skipped or failed, and the end of each failing job's log.

local screen = require "gitlab_pipelines.terminal"
local view = require "gitlab_pipelines.flow.view"

local M = {}

local style = [[
:root { color-scheme: light dark; --ok: #1a7f37; --bad: #cf222e; --off: #818b98; --wait: #9a6700;
  --go: #0969da; --line: #8883; --ink: #1f2328; --paper: #fff; --soft: #8881 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --ok: #3fb950;
  --bad: #f85149; --wait: #d29922; --go: #4493f8 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 } header p { margin: .25rem 0 1.5rem; color: var(--off) }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .5rem;
  border-bottom: 1px solid var(--line); vertical-align: top } th { color: var(--off);
  font-weight: normal } td.name { white-space: nowrap } tr.item td.name { padding-left: 2rem }
td.time { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td.bar { width: 35% } .track { position: relative; height: .8rem; background: var(--soft);
  border-radius: .2rem; margin-top: .35rem } .track span { position: absolute; top: 0; height: 100%;
  min-width: 2px; border-radius: .2rem; background: currentColor }
.success { color: var(--ok) } .failed { color: var(--bad) } .skipped, .planned { color: var(--off) }
.canceled, .blocked { color: var(--wait) } .running { color: var(--go) } a { color: var(--go) }
pre { background: var(--soft); padding: .75rem; overflow-x: auto; border-radius: .4rem;
  font-size: 13px } section { margin-top: 2rem }
@media print { body { margin: 0 } }
]]

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

-- What is seen of a text: no secret, nothing that turns or hides what is beside it.
local function text(run, value)
  local shown = run:redact(tostring(value)):gsub("[%z\1-\8\11\12\14-\31\127]", "")
  return (screen.harmless(shown):gsub("[&<>\"']", escapes))
end

-- Only web addresses become links: what a server sends might say javascript:.
local function link(run, address, label)
  if not address or not address:match "^https?://" then return text(run, label) end
  return ('<a href="%s">%s</a>'):format(text(run, address), text(run, label))
end

local function date(seconds)
  return os.date("!%Y-%m-%d %H:%M:%S UTC", math.floor(seconds))
end

local function bar(run, step, length)
  if not step.started_at or step.status == "skipped" then return "" end
  local from = (step.started_at - run.started_at) / length * 100
  local size = ((step.ended_at or run.rt:now()) - step.started_at) / length * 100
  return ('<div class="track %s"><span style="left:%.2f%%;width:%.2f%%"></span></div>'):format(
    text(run, step.status), math.max(0, from), math.min(100, math.max(0, size)))
end

local function row(run, step, length)
  local time = ""
  if step.started_at and step.status ~= "skipped" then
    time = view.elapsed((step.ended_at or run.rt:now()) - step.started_at)
  end
  local label = step.pipeline_id and "#" .. ("%d"):format(step.pipeline_id) or "open"
  return ([[<tr%s><td class="name">%s</td><td class="%s">%s</td><td class="bar">%s</td>]]
    .. [[<td class="time">%s</td><td>%s</td><td>%s</td></tr>]]):format(
    step.key and ' class="item"' or "", text(run, step.name), text(run, step.status), text(run, step.status),
    bar(run, step, length), time, step.web_url and link(run, step.web_url, label) or "",
    text(run, step.reason or step.message or ""))
end

local function failure(run, step)
  local cause = step.failure
  if not cause then return nil end
  local lines = {}
  for i, line in ipairs(cause.log or {}) do lines[i] = text(run, line) end
  return ([[<section><h2 class="failed">%s</h2><p>%s: %s</p>%s</section>]]):format(text(run, step.path),
    link(run, cause.web_url, "job " .. cause.job), text(run, cause.reason or "failed"),
    #lines > 0 and "<pre>" .. table.concat(lines, "\n") .. "</pre>" or "")
end

--- The report of a run, ended or not.
---@param run table
---@return string html
function M.html(run)
  local length = math.max((run.ended_at or run.rt:now()) - run.started_at, 0.001)
  local rows, failures = {}, {}
  for _, step in ipairs(run:each_step()) do
    rows[#rows + 1] = row(run, step, length)
    failures[#failures + 1] = failure(run, step)
  end
  return table.concat({
    "<!doctype html>", '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    ("<title>%s: %s</title>"):format(text(run, run.name), text(run, run.status)),
    "<style>" .. style .. "</style></head><body>",
    ('<header><h1>%s <span class="%s">%s</span></h1>'):format(text(run, run.name), text(run, run.status),
      text(run, run.status)),
    ("<p>%s, %s, run %s</p></header>"):format(date(run.wall_started), view.elapsed(length),
      text(run, run.id)),
    "<table><thead><tr><th>step</th><th>status</th><th>when</th><th>time</th><th>pipeline</th>"
      .. "<th></th></tr></thead><tbody>",
    table.concat(rows, "\n"), "</tbody></table>", table.concat(failures, "\n"),
    "</body></html>\n" }, "\n")
end

--- Writes the report to a file.
---@param run table
---@param path string
---@return boolean|nil ok
---@return string|nil message
function M.write(run, path)
  local file, message = io.open(path, "wb")
  if not file then return nil, message end
  local ok
  ok, message = file:write(M.html(run))
  local closed, problem = file:close()
  if not ok or not closed then return nil, message or problem end
  return true
end

return M

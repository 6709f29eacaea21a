--- Shows a run: a live tree on a terminal, a line for each change elsewhere, or events as JSON.
--
-- `frame` is pure: a run, a width and a time give lines. A step hangs below the last of its needs
-- to become ready. The driver writes a frame only when it differs, in one write, and moves the
-- cursor instead of clearing the screen: nothing flickers.

local duration = require "gitlab_pipelines.duration"
local core = require "gitlab_pipelines.core"
local screen = require "gitlab_pipelines.terminal"

local M = {}

local styles = {
  unicode = { success = "✔", failed = "✖", canceled = "⊘", skipped = "–", planned = "·",
    blocked = "?", warned = "!", branch = "├─ ", last = "└─ ", through = "│  ", gap = "   ",
    log = "│ ", more = "…", spinner = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" } },
  ascii = { success = "+", failed = "x", canceled = "o", skipped = "-", planned = ".",
    blocked = "?", warned = "!", branch = "|- ", last = "`- ", through = "|  ", gap = "   ",
    log = "| ", more = "...", spinner = { "|", "/", "-", "\\" } },
}

local colors = { success = "32", failed = "31;1", canceled = "33", skipped = "2", planned = "2",
  blocked = "35;1", running = "36", warned = "33", dim = "2", bold = "1" }

--- A time for people: 0.4s, 12.3s, 2m05s, 1h02m.
M.elapsed = duration.text

M.width, M.cut = screen.width, screen.cut

-- One line of a text, without secrets: they are removed before anything is cut.
local function clean(run, text)
  return screen.plain((run:redact(tostring(text)):gsub("[%c\127]+", " ")))
end

-- Where each step hangs: below the deepest of its needs, the lower one in the script among equals.
local function children_of(plan)
  local depth, children, roots, position = plan.graph.depth, {}, {}, {}
  for i, step in ipairs(plan.steps) do position[step.name] = i end
  for _, step in ipairs(plan.steps) do
    local parent
    for _, need in ipairs(step.needs) do
      if not parent or depth[need] > depth[parent]
        or (depth[need] == depth[parent] and position[need] > position[parent]) then
        parent = need
      end
    end
    local list = roots
    if parent then
      list = children[parent] or {}
      children[parent] = list
    end
    list[#list + 1] = step.name
  end
  return children, roots
end

--- The steps of a plan as a tree, from the top.
---@param plan table
---@param items_of fun(name: string): table[] the rows {name = ...} that stand below a step
---@param unicode boolean|nil false: drawn in ASCII
---@return table[] rows {prefix, name}, and the fields of `items_of` in its rows
function M.rows(plan, items_of, unicode)
  local style = styles[unicode == false and "ascii" or "unicode"]
  local children, roots = children_of(plan)
  local rows = {}
  local function walk(name, prefix)
    local below = {}
    for _, item in ipairs(items_of(name)) do
      item.is_item = true
      below[#below + 1] = item
    end
    for _, child in ipairs(children[name] or {}) do below[#below + 1] = { name = child } end
    for i, row in ipairs(below) do
      local last = i == #below
      row.prefix = prefix .. (last and style.last or style.branch)
      rows[#rows + 1] = row
      if not row.is_item then walk(row.name, prefix .. (last and style.gap or style.through)) end
    end
  end
  for _, name in ipairs(roots) do
    rows[#rows + 1] = { prefix = "", name = name }
    walk(name, "")
  end
  return rows
end

local function tree_rows(run, unicode)
  local rows = M.rows(run.plan, function(name)
    local items = {}
    for i, item in ipairs(run.steps[name].items) do items[i] = { name = item.name, view = item } end
    return items
  end, unicode)
  for _, row in ipairs(rows) do row.view = row.view or run.steps[row.name] end
  return rows
end

local function waits_for(run, view)
  local step = run.plan.by_name[view.path]
  if not step then return "" end
  local open = {}
  for _, need in ipairs(step.needs) do
    if not core.status.is_finished(run.steps[need].status) then open[#open + 1] = need end
  end
  return #open > 0 and "waits for " .. table.concat(open, ", ") or ""
end

local function counts(view)
  local done, items = 0, view.items
  for _, item in ipairs(items) do
    if core.status.is_finished(item.status) then done = done + 1 end
  end
  return ("%d of %d"):format(done, #items)
end

-- What stands beside a step's name.
local function detail(run, view)
  local status = view.status
  if status == "planned" then return waits_for(run, view) end
  if status == "success" then
    local attempts = view.attempt > 1 and ("attempt %d"):format(view.attempt) or ""
    return view.kind == "each" and counts(view) or attempts
  end
  if status == "running" then
    if view.kind == "each" then return counts(view) end
    local text = view.pipeline_status or ""
    return view.attempt > 1 and ("attempt %d, %s"):format(view.attempt, text) or text
  end
  if status == "blocked" then return view.message or "waits" end
  return view.reason or status
end

local function paint(opts, color, text)
  if not opts.color or text == "" then return text end
  return ("\27[%sm%s\27[0m"):format(colors[color] or color, text)
end

local function tone(view)
  if view.status == "failed" and view.allow_failure then return "warned" end
  return view.status
end

local function mark(view, style, now)
  local status = tone(view)
  if status == "running" then
    return style.spinner[math.floor(now * 10) % #style.spinner + 1]
  end
  return style[status] or style.planned
end

local function time_of(view, now)
  if not view.started_at or view.status == "skipped" then return "" end
  return M.elapsed((view.ended_at or now) - view.started_at)
end

-- One line of the tree. A link that does not fit whole is left out: half a link is none.
local function row_line(run, row, layout, now, opts)
  local style, columns = layout.style, layout.columns
  local view = row.view
  local name = M.cut(row.prefix .. mark(view, style, now) .. " " .. clean(run, row.name), columns,
    style.more)
  local time = time_of(view, now)
  local room = layout.width - columns - 9
  local text = M.cut(clean(run, detail(run, view)), math.max(room, 0), style.more)
  local link = view.web_url and clean(run, view.web_url) or ""
  local gap = text ~= "" and 2 or 0
  if M.width(text) + gap + M.width(link) > room then link = "" end
  local line = M.cut(row.prefix, columns, "")
  line = paint(opts, "dim", line)
    .. paint(opts, tone(view), name:sub(#row.prefix + 1)) .. (" "):rep(columns - M.width(name))
    .. ("%8s"):format(time)
  if text ~= "" then line = line .. " " .. paint(opts, tone(view), text) end
  if link ~= "" then
    line = line .. (" "):rep(text ~= "" and 2 or 1) .. paint(opts, "dim", link)
  end
  return (line:gsub("%s+$", ""))
end

local verbs = { success = "succeeded", failed = "failed", canceled = "was canceled",
  skipped = "was skipped", blocked = "waits", running = "runs", planned = "has not begun" }

local function headline(run, now, opts)
  local time = run.started_at and M.elapsed((run.ended_at or now) - run.started_at) or ""
  return paint(opts, "bold", clean(run, run.name)) .. "  "
    .. paint(opts, run.status, verbs[run.status] or clean(run, run.status)) .. "  " .. time
end

--- What is to be said about steps that failed: the job and the end of its log.
---@return string[] lines
function M.failures(run, width, opts)
  local style = styles[opts.unicode == false and "ascii" or "unicode"]
  local lines = {}
  for _, view in ipairs(run:each_step()) do
    if view.status == "failed" and view.kind ~= "each" then
      lines[#lines + 1] = ""
      lines[#lines + 1] = paint(opts, tone(view), M.cut(clean(run, ("%s failed: %s"):format(view.path,
        view.reason or "")), width, style.more))
      local failure = view.failure
      if failure and failure.web_url then
        lines[#lines + 1] = "  " .. paint(opts, "dim", clean(run, failure.web_url))
      end
      for _, line in ipairs(failure and failure.log or {}) do
        lines[#lines + 1] = "  " .. paint(opts, "dim", style.log)
          .. M.cut(clean(run, line), math.max(width - 4, 1), style.more)
      end
    end
  end
  return lines
end

-- More lines than the terminal has: finished ones at the top give way.
local function fit(lines, height, style)
  if not height or #lines <= height or height < 4 then return lines end
  local kept = { lines[1], ("%s %d lines"):format(style.more, #lines - height + 1) }
  for i = #lines - height + 3, #lines do kept[#kept + 1] = lines[i] end
  return kept
end

--- The run as lines, none wider than `width`.
---@param run table
---@param width integer columns
---@param now number of the run's runtime
---@param opts table {color, unicode = false for ASCII, height = lines at most}
---@return string[] lines
function M.frame(run, width, now, opts)
  local style = styles[opts.unicode == false and "ascii" or "unicode"]
  local rows = tree_rows(run, opts.unicode)
  local columns = 12
  for _, row in ipairs(rows) do
    columns = math.max(columns, M.width(row.prefix) + M.width(clean(run, row.name)) + 2)
  end
  columns = math.max(8, math.min(columns, math.floor(width * 0.5)))
  local layout = { style = style, columns = columns, width = width }
  local lines = { headline(run, now, opts) }
  for _, row in ipairs(rows) do
    lines[#lines + 1] = row_line(run, row, layout, now, opts)
  end
  return fit(lines, opts.height, style)
end

-- Live -------------------------------------------------------------------------------------------

local Live = {}
Live.__index = Live

function Live:columns() return math.max(20, (self.size and self.size() or 80) - 1) end

-- Rows that the last frame takes on a terminal of so many columns: a narrower one has wrapped it.
local function rows_of(lines, columns)
  local rows = 0
  for _, line in ipairs(lines) do
    local width = M.width((line:gsub("\27%[[%d;]*m", "")))
    rows = rows + math.max(1, math.ceil(width / (columns + 1)))
  end
  return rows
end

-- Brings the screen from the last frame to this one, in one write.
function Live:draw(lines, above)
  local old, columns = self.lines, self:columns()
  local out = {}
  if #old > 0 then out[1] = ("\27[%dA\r"):format(rows_of(old, columns)) end
  if self.drawn_for and self.drawn_for ~= columns then
    out[#out + 1] = "\27[J"
    old = {}
  end
  self.drawn_for = columns
  for _, line in ipairs(above or {}) do out[#out + 1] = line .. "\27[K\n" end
  for i, line in ipairs(lines) do
    if line == old[i] and not above then
      out[#out + 1] = "\n"
    else
      out[#out + 1] = line .. "\27[K\n"
    end
  end
  if #lines < #old then out[#out + 1] = "\27[J" end
  self.lines = lines
  self.write(table.concat(out))
end

function Live:refresh(above)
  local _, rows
  if self.size then _, rows = self.size() end
  local lines = M.frame(self.run, self:columns(), self.run.rt:now(), { color = self.color,
    unicode = self.unicode, height = not self.closing and rows and rows - 1 or nil })
  if not above and #lines == #self.lines then
    local same = true
    for i, line in ipairs(lines) do same = same and line == self.lines[i] end
    if same then return end
  end
  self:draw(lines, above)
end

--- Draws the last frame and what is to be said about failures.
function Live:finish()
  if self.closing then return end
  self.closing = true
  self:refresh()
  local lines = M.failures(self.run, self:columns(), self)
  if #lines > 0 then self.write(table.concat(lines, "\n") .. "\n") end
end

local function live(run, opts)
  local self = setmetatable({ run = run, write = opts.write, size = opts.size,
    color = opts.color, unicode = opts.unicode, lines = {} }, Live)
  run:on_event(function(event)
    if event.type == "print" and not self.closing then
      local above = {}
      for line in (event.text .. "\n"):gmatch "([^\n]*)\n" do above[#above + 1] = clean(run, line) end
      self:refresh(above)
    end
  end)
  for _, event in ipairs(run.log) do
    if event.type == "print" then self.write(clean(run, event.text) .. "\n") end
  end
  self:refresh()
  local spawn = run.rt.background or run.rt.spawn
  spawn(run.rt, function()
    while not self.closing and not run.ended do
      run.rt:sleep(opts.interval or 0.1)
      if not self.closing then self:refresh() end
    end
  end)
  return self
end

-- Lines ------------------------------------------------------------------------------------------

local linked = { pipeline = true, play = true, wait_for = true }

local function line_of(run, event, seen)
  local at = ("[%7s] "):format(M.elapsed(event.time - run.wall_started))
  if event.type == "print" then return screen.harmless(event.text) end
  if event.type == "run" then
    local text = at .. clean(run, event.name or "run") .. " " .. (verbs[event.status] or clean(run, event.status))
    return event.reason and text .. ": " .. clean(run, event.reason) or text
  end
  local status = event.status
  if status == "running" and linked[event.kind] then
    -- Before there is a pipeline, and once it has ended, the next event says more.
    if not event.web_url or core.status.is_finished(event.pipeline_status) then return nil end
    status = event.pipeline_status or status
  end
  local text = clean(run, event.step) .. ": " .. clean(run, status)
  if event.reason or event.message then
    text = text .. ", " .. clean(run, event.reason or event.message)
  end
  if event.elapsed then text = text .. " after " .. M.elapsed(event.elapsed) end
  if event.web_url then text = text .. "  " .. clean(run, event.web_url) end
  if seen[event.step] == text then return nil end
  seen[event.step] = text
  return at .. text
end

local function listener(run, write)
  local follow = { finish = function() end }
  local function listen(event)
    local text = write(event)
    if text then follow.write(text .. "\n") end
  end
  function follow.begin(out)
    follow.write = out
    for _, event in ipairs(run.log) do listen(event) end
    run:on_event(listen)
    return follow
  end
  return follow
end

--- Shows a run until it ends; call `finish` then.
---@param run table
---@param opts table {mode = "live"|"lines"|"json", write = function(text), size = function() ->
--- columns, lines, color, unicode, interval}
---@return table shown with `finish()`
function M.attach(run, opts)
  if opts.mode == "live" then return live(run, opts) end
  if opts.mode == "json" then
    local json = require "gitlab_pipelines.json"
    return listener(run, function(event) return screen.json(json.encode(event)) end).begin(opts.write)
  end
  local seen = {}
  local shown = listener(run, function(event) return line_of(run, event, seen) end)
  function shown.finish()
    local lines = M.failures(run, 120, { unicode = opts.unicode })
    if #lines > 0 then opts.write(table.concat(lines, "\n") .. "\n") end
  end
  return shown.begin(opts.write)
end

return M

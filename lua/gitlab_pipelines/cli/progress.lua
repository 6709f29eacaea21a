--- A progress bar with rate and time left. Pure: times come in as arguments, text goes out.

local duration = require "gitlab_pipelines.duration"
local output = require "gitlab_pipelines.cli.output"

local M = {}

-- The rate is that of the last so many seconds.
local WINDOW = 5

local Meter = {}
Meter.__index = Meter

--- Measures how fast something gets done.
---@return table meter
function M.meter()
  return setmetatable({ samples = {}, first = 1 }, Meter)
end

--- So much is done at `now`. Less than before begins anew: it was started again.
---@param now number seconds
---@param done number
function Meter:add(now, done)
  local samples = self.samples
  local last = samples[#samples]
  if last and done < last.done then
    samples = {}
    self.samples = samples
  end
  samples[#samples + 1] = { now = now, done = done }
  while #samples > 2 and samples[2].now <= now - WINDOW do table.remove(samples, 1) end
end

--- Done in a second, of late; nil as long as it cannot be told.
---@return number|nil
function Meter:rate()
  local first, last = self.samples[1], self.samples[#self.samples]
  if not first or last.now - first.now < 0.2 then return nil end
  return (last.done - first.done) / (last.now - first.now)
end

--- One line, at most `width` cells wide.
---@param name string what it is of
---@param done number bytes
---@param total number|nil bytes, if known
---@param rate number|nil bytes a second
---@param width integer
---@param unicode boolean|nil
---@return string
function M.line(name, done, total, rate, width, unicode)
  local words = { output.bytes(done) }
  if total and total > 0 then
    words[1] = ("%3d%%  %s of %s"):format(math.floor(done / total * 100), words[1], output.bytes(total))
  end
  if rate then
    words[#words + 1] = output.bytes(math.floor(rate)) .. "/s"
    if total and rate >= 1 and done < total then
      words[#words + 1] = duration.text((total - done) / rate, "clock") .. " left"
    end
  end
  local text, more = table.concat(words, "  "), output.more(unicode)
  -- The name gives way to the numbers.
  name = output.cut(name, math.max(width - output.width_of(text) - 2, 8), more)
  local room = width - output.width_of(text) - output.width_of(name) - 6
  local bar = ""
  if total and total > 0 and room >= 8 then
    local cells = math.min(room, 40)
    local full = math.floor(done / total * cells)
    bar = "[" .. (unicode and "█" or "#"):rep(full) .. (unicode and "░" or "."):rep(cells - full) .. "]  "
  end
  return output.cut(name .. "  " .. bar .. text, width, more)
end

--- A bar that is drawn over itself.
---@param options table {name, write(text), now() -> seconds, width() -> cells or nil, unicode}
---@return table bar {on_progress = function(done, total), finish = function}
function M.bar(options)
  local meter, drawn = M.meter(), false
  local bar = {}
  function bar.on_progress(done, total)
    meter:add(options.now(), done)
    drawn = true
    options.write("\r" .. M.line(options.name, done, total, meter:rate(), (options.width() or 80) - 1,
      options.unicode) .. "\27[K")
  end
  function bar.finish()
    if drawn then options.write "\r\27[K" end
  end
  return bar
end

return M

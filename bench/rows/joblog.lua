--- The log parser in C beside `wc -l` and `cat`, on a plain log, on one with timestamps, and on one
--- full of colours. Target for a plain log: 300 MB/s or more.

local KINDS = {
  { "plain", "%d files compiled, nothing to complain about in this one of them\n" },
  { "timestamps", "2024-05-22T12:43:46.962646Z 00O %d files compiled, nothing to complain about\n" },
  { "colours", "\27[32;1m%d\27[0;m files \27[33mcompiled\27[0m, nothing to complain about in this one\n" },
}

local function write_log(path, line, bytes)
  local file = assert(io.open(path, "wb"))
  local block = {}
  for i = 1, 10000 do block[i] = line:format(i) end
  block = table.concat(block)
  for _ = 1, math.ceil(bytes / #block) do file:write(block) end
  local size = file:seek()
  file:close()
  return size
end

return function(bench)
  local bytes = bench.seconds * 100e6
  for _, kind in ipairs(KINDS) do
    local path = os.tmpname()
    local size = write_log(path, kind[2], bytes)
    local function timed(command)
      return function()
        local text = bench.capture { "bash", "-c", "TIMEFORMAT=%3R; { time " .. command .. "; } 2>&1" }
        return { rate = size / tonumber(text:match "([%d.]+)%s*$") }
      end
    end
    local medians = bench.by_turns {
      { "ours", function()
        local text = bench.capture { bench.folder .. "/joblog", path }
        return { rate = assert(tonumber(text:match "rate=(%d+)"), text) }
      end },
      { "wc", timed("wc -l <" .. path .. " >/dev/null") },
      { "cat", timed("cat " .. path .. " | cat >/dev/null") },
    }
    os.remove(path)
    for _, peer in ipairs { { "wc", "wc -l" }, { "cat", "cat | cat" } } do
      bench.row { what = "log parser, " .. kind[1], unit = "MB/s", ours = medians.ours.rate / 1e6,
        beside = peer[2], theirs = medians[peer[1]].rate / 1e6 }
    end
  end
end

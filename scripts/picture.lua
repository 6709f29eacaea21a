-- Turns text with ANSI colours (a captured terminal) into an SVG picture.
-- usage: lua5.4 scripts/picture.lua TITLE < captured > picture.svg    (paths as by `make -s env`)
local joblog = require("gitlab_pipelines.core").joblog

local CELL_WIDTH, LINE_HEIGHT, MARGIN, BAR = 8.4, 18, 16, 28
local COLORS = { -- the sixteen colours, for a dark background
  ["#000000"] = "#444c56", ["#cd0000"] = "#f47067", ["#00cd00"] = "#57ab5a", ["#cdcd00"] = "#c69026",
  ["#0000ee"] = "#539bf5", ["#cd00cd"] = "#b083f0", ["#00cdcd"] = "#39c5cf", ["#e5e5e5"] = "#adbac7",
  ["#7f7f7f"] = "#768390",
}

local function cells(text)
  return select(2, text:gsub("[^\128-\191]", ""))
end

-- The parser's HTML uses spans and CSS; SVG uses tspans and attributes.
local function to_svg(html)
  return (html:gsub('<span style="(.-)">', function(style)
    local color = style:match "color:(#%x+)"
    local attributes = color and (' fill="%s"'):format(COLORS[color] or color) or ""
    if style:find("bold", 1, true) then attributes = attributes .. ' font-weight="bold"' end
    if style:find("opacity", 1, true) then attributes = attributes .. ' fill-opacity="0.6"' end
    return "<tspan" .. attributes .. ">"
  end):gsub("</span>", "</tspan>"))
end

local parser = joblog.parser { format = "html" }
local lines = parser:feed(io.read "*a")
for _, line in ipairs((parser:finish())) do lines[#lines + 1] = line end
while #lines > 0 and lines[#lines].plain:match "^%s*$" do lines[#lines] = nil end

local width = 40
for _, line in ipairs(lines) do width = math.max(width, cells(line.plain)) end
local w = math.floor(width * CELL_WIDTH + 2 * MARGIN)
local h = #lines * LINE_HEIGHT + BAR + MARGIN + MARGIN // 2
local middle = BAR // 2 + 2
print(('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">'):format(w, h, w, h))
print(('<rect width="%d" height="%d" rx="8" fill="#1c2128"/>'):format(w, h))
for i, color in ipairs { "#f47067", "#c69026", "#57ab5a" } do
  print(('<circle cx="%d" cy="%d" r="5" fill="%s"/>'):format(MARGIN + 18 * (i - 1), middle, color))
end
print(('<text x="%d" y="%d" fill="#768390" font-family="monospace" font-size="12" text-anchor="middle">%s</text>')
  :format(w // 2, middle + 4, arg[1] or ""))
print '<g font-family="monospace" font-size="14" fill="#adbac7" xml:space="preserve">'
for i, line in ipairs(lines) do
  print(('<text x="%d" y="%d" textLength="%.1f" lengthAdjust="spacing">%s</text>')
    :format(MARGIN, BAR + i * LINE_HEIGHT, cells(line.plain) * CELL_WIDTH, to_svg(line.text)))
end
print "</g></svg>"

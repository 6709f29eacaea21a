--- The values of a dotenv file, as GitLab reads one: NAME=value a line, blanks around both cut off.

local M = {}

--- Reads a dotenv file's text into `values`.
---@param text string
---@param values table|nil filled; a later line wins
---@return table values
function M.read(text, values)
  values = values or {}
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do
    local name, value = line:match "^%s*([%w_]+)%s*=%s*(.-)%s*$"
    if name then values[name] = value end
  end
  return values
end

return M

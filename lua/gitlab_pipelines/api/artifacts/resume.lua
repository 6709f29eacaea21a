--- What a broken download may go on with: pure decisions, no file and no network.
--
-- A part that is there may be kept only if the server proves that the rest belongs to it: the same
-- strong ETag, and a 206 with exactly the range that was asked for. Anything else begins again from
-- 0, so that two versions of a file are never mixed.

local M = {}

-- An attempt that brings the download less than this much further counts as one in a row; so many
-- of those, or so many attempts altogether, end it.
M.LITTLE, M.IN_A_ROW, M.ATTEMPTS = 2 ^ 20, 5, 100

-- How often a file may be another one than before.
M.CHANGES = 3

-- An attempt that brings less than this much is not followed by the next one at once.
M.TRIFLE = 65536

--- The ETag if it is a strong one, else nil.
---@param etag string|nil
---@return string|nil
function M.strong(etag)
  return etag and etag:match "^%s*(\"[^\"]*\")%s*$"
end

local function whole(text)
  return text and #text < 16 and tonumber(text) or nil
end

--- "bytes 100-199/1000" as three numbers; nil when it is anything else, or the total is not told.
---@param text string|nil
---@return integer|nil first, integer|nil last, integer|nil total
function M.content_range(text)
  local first, last, total = (text or ""):match "^%s*[Bb]ytes%s+(%d+)%-(%d+)/(%d+)%s*$"
  first, last, total = whole(first), whole(last), whole(total)
  if not (first and last and total) or last < first or last >= total then return nil end
  return first, last, total
end

--- The length that an answer's head announces, or nil.
---@param text string|nil Content-Length
---@return integer|nil
function M.length(text)
  return whole((text or ""):match "^%s*(%d+)%s*$")
end

--- From where to ask for a file of which there is a part.
---@param part table|nil {size, etag, total}: bytes that are there, the strong ETag of what they are
--- part of, its length if known
---@return integer offset 0: from the beginning
function M.offset(part)
  if not part or not M.strong(part.etag) or part.size <= 0 then return 0 end
  if part.total and part.size > part.total then return 0 end
  -- Nothing is left but the proof that it is still the same file.
  if part.size == part.total then return part.size - 1 end
  return part.size
end

--- The headers of a request for a part.
---@param range string such as "100-199", "100-" or "-65536"
---@param etag string|nil of what it is to be a part of
---@return table[] headers {name, value} pairs
function M.range(range, etag)
  return { { "Range", "bytes=" .. range }, etag and { "If-Range", etag } }
end

--- The headers of a request for the rest.
---@param offset integer
---@param etag string|nil
---@return table[] headers {name, value} pairs; none from the beginning
function M.headers(offset, etag)
  if offset == 0 then return {} end
  return M.range(("%d-"):format(offset), etag)
end

--- What an answer's head makes of the part.
---@param asked table {offset, etag, total}: what was asked for; `etag` also when from the beginning,
--- if an earlier attempt brought bytes of that version
---@param status integer a 2xx
---@param head table {etag, content_range, content_length}: the headers' texts
---@return table verdict {kind = "resumed"|"begun"|"refused", etag = strong or nil, total = bytes or
--- nil, changed = the server has another version than before, reason = why it was refused}
function M.judge(asked, status, head)
  local etag = M.strong(head.etag)
  local verdict = { etag = etag, changed = asked.etag ~= nil and etag ~= nil and etag ~= asked.etag }
  if status == 200 then
    verdict.kind, verdict.total = "begun", M.length(head.content_length)
    return verdict
  end
  verdict.kind = "refused"
  if status ~= 206 then
    verdict.reason = ("status %d brings no file"):format(status)
    return verdict
  end
  local first, last, total = M.content_range(head.content_range)
  local length = M.length(head.content_length)
  if asked.offset == 0 then
    verdict.reason = "a part came, though the whole was asked for"
  elseif not etag or etag ~= asked.etag then
    verdict.reason = "the part is not known to be of the same file"
  elseif first ~= asked.offset or last ~= total - 1 or asked.total and total ~= asked.total
    or length and length ~= last - first + 1 then
    verdict.reason = "another range came than was asked for"
  else
    verdict.kind, verdict.total = "resumed", total
  end
  return verdict
end

--- What a download that takes several attempts has been through.
---@return table history
function M.history()
  return { attempts = 0, in_a_row = 0, furthest = 0, trifles = 0, changes = 0 }
end

--- Counts an attempt that broke off and says whether another one may follow.
---@param history table
---@param reached integer bytes from the file's beginning that the attempt came to
---@param brought integer bytes that it brought itself
---@param changed boolean|nil the file was another one than before
---@return string|nil verdict "again"; "changed": the file keeps changing; nil: often enough
---@return integer|nil nth the how manieth attempt in a row that brought next to nothing; 0: go on at
--- once
function M.again(history, reached, brought, changed)
  history.attempts = history.attempts + 1
  if changed then
    history.changes, history.furthest = history.changes + 1, 0
    if history.changes >= M.CHANGES then return "changed" end
  end
  if reached >= history.furthest + M.LITTLE then
    history.in_a_row, history.furthest = 0, reached
  else
    history.in_a_row = history.in_a_row + 1
  end
  history.trifles = brought < M.TRIFLE and history.trifles + 1 or 0
  if history.in_a_row >= M.IN_A_ROW or history.attempts >= M.ATTEMPTS then return nil end
  return "again", history.trifles
end

--- Seconds before the next attempt.
---@param nth integer from `again`
---@param random number 0 <= random < 1
---@return number
function M.delay(nth, random)
  if nth == 0 then return 0 end
  local base = math.min(2 ^ (nth - 1), 8)
  return base / 2 + random * base / 2
end

return M

--- Redirects: where a read is sent on to, and what may go there.
--
-- A transport follows nothing. GitLab sends readers of artifacts to an object store with a signed
-- address: the token must not go there. A write is never sent on: whoever answers it so is not the
-- API. The hop is another request, so whoever follows it asks for a place first (client.lua).

local uri = require("gitlab_pipelines.core").uri

local M = {}

-- Hops of one attempt.
local MOST = 5

local moved = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

-- Headers that carry a credential, whoever set them.
local credentials = {
  ["private-token"] = true, ["job-token"] = true, ["authorization"] = true,
  ["proxy-authorization"] = true, ["cookie"] = true, ["deploy-token"] = true,
}

--- Where an answer points to; nil when it is no redirect. (One that names no place is an answer like
--- any other.)
---@param response table
---@return string|nil location as it came
function M.location(response)
  return moved[response.status] and response:header "Location" or nil
end

-- What readers of addresses encode by themselves.
local function written_out(location)
  return (location:gsub("[ \128-\255]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

-- The absolute address and its parts, without a name, a password and a fragment: a Location has no
-- say in who we are.
local function resolve(base, location)
  local url = uri.join(base, written_out(location))
  local parts = url and uri.parse(url)
  if not parts then return nil end
  parts.scheme = parts.scheme:lower()
  return ("%s://%s%s%s%s"):format(parts.scheme, parts.host, parts.port and ":" .. parts.port or "",
    parts.path or "", parts.query and "?" .. parts.query or ""), parts
end

--- May the redirect be followed, and as what?
---@param call table `op`, `url`, `hop`: the hop that was answered so, if it was one
---@param home string the origin that the token is for
---@param location string
---@param elapsed number seconds that the answer took
---@return table|nil hop {url, origin, count, bare = no credential goes along, spent = seconds}
---@return string|nil why it is not followed
function M.judge(call, home, location, elapsed)
  local last = call.hop
  local from = last and last.url or call.url
  if call.op.effect ~= "read" then
    return nil, "the server redirects a request that changes something; is the URL the API's own?"
  end
  local count = (last and last.count or 0) + 1
  if count > MOST then return nil, "too many redirects" end
  local url, parts = resolve(from, location)
  if not url then
    if location:match "^%a[%w+.-]*:" and not location:lower():match "^https?:" then
      return nil, "a redirect to something that is neither http nor https"
    end
    return nil, "a redirect that leads nowhere"
  end
  if parts.scheme ~= "http" and parts.scheme ~= "https" then
    return nil, "a redirect to something that is neither http nor https"
  end
  if parts.scheme == "http" and from:lower():find "^https:" then
    return nil, "a redirect from https to http"
  end
  local origin = uri.origin(url)
  -- What has been elsewhere brings nobody's credential back.
  return { url = url, origin = origin, count = count, bare = last and last.bare or origin ~= home,
    spent = (last and last.spent or 0) + (elapsed or 0) }
end

--- The headers without those that carry a credential.
---@param headers table[]
---@return table[]
function M.bare(headers)
  local kept = {}
  for _, pair in ipairs(headers) do
    if type(pair[2]) ~= "userdata" and not credentials[pair[1]:lower()] then
      kept[#kept + 1] = pair
    end
  end
  return kept
end

return M

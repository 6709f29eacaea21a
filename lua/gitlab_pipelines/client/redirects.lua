--- Redirects: which ones are followed, with which headers, and the requests that follow them.
--
-- A transport does not follow redirects. GitLab redirects artifact downloads to a signed URL of an
-- object store, which must not receive the token. A redirected write is never followed: a server
-- that redirects it is not the API. Each hop is a separate request and needs its own slot: from the
-- call's exchange on GitLab's origin, from an exchange of the other origin elsewhere. An attempt
-- ends with its last hop.

local uri = require("gitlab_pipelines.core").uri

local M = {}

-- Per attempt.
local MAX_HOPS = 5

local moved = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

-- Headers that carry a credential, whoever set them.
local credentials = {
  ["private-token"] = true, ["job-token"] = true, ["authorization"] = true,
  ["proxy-authorization"] = true, ["cookie"] = true, ["deploy-token"] = true,
}

-- The Location of a redirect, unchanged; nil for any other response and for a redirect without one.
local function location_of(response)
  return moved[response.status] and response:header "Location" or nil
end

-- Encodes the bytes that browsers encode in a Location.
local function encoded(location)
  return (location:gsub("[ \128-\255]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

-- The absolute URL and its parts, without userinfo and fragment: a Location must not set credentials.
local function resolve(base, location)
  local url = uri.join(base, encoded(location))
  local parts = url and uri.parse(url)
  if not parts then return nil end
  parts.scheme = parts.scheme:lower()
  return ("%s://%s%s%s%s"):format(parts.scheme, parts.host, parts.port and ":" .. parts.port or "",
    parts.path or "", parts.query and "?" .. parts.query or ""), parts
end

--- Decides whether a redirect is followed, and describes the next request.
---@param call table `op`, `url`
---@param home string the origin that the token is for
---@param location string
---@param elapsed number|nil seconds until the response
---@param last table|nil the redirected hop; nil if the first request was redirected
---@return table|nil hop {url, origin, count, bare = send no credentials, spent = seconds}
---@return string|nil why the reason for not following it
function M.judge(call, home, location, elapsed, last)
  local from = last and last.url or call.url
  if call.op.effect ~= "read" then
    return nil, "the server redirects a write; check that the URL is the API's own"
  end
  local count = (last and last.count or 0) + 1
  if count > MAX_HOPS then return nil, "too many redirects" end
  local url, parts = resolve(from, location)
  if not url then
    if location:match "^%a[%w+.-]*:" and not location:lower():match "^https?:" then
      return nil, "redirect to a URL that is neither http nor https"
    end
    return nil, "redirect to an invalid URL"
  end
  if parts.scheme ~= "http" and parts.scheme ~= "https" then
    return nil, "redirect to a URL that is neither http nor https"
  end
  if parts.scheme == "http" and from:lower():find "^https:" then
    return nil, "redirect from https to http"
  end
  local origin = uri.origin(url)
  -- Once a redirect has left GitLab's origin, a redirect back to it carries no credentials either.
  return { url = url, origin = origin, count = count, bare = last and last.bare or origin ~= home,
    spent = (last and last.spent or 0) + (elapsed or 0) }
end

local function without_credentials(headers)
  local kept = {}
  for _, pair in ipairs(headers) do
    if type(pair[2]) ~= "userdata" and not credentials[pair[1]:lower()] then
      kept[#kept + 1] = pair
    end
  end
  return kept
end

-- Following --------------------------------------------------------------------------------------

-- Ends the redirected request: releases its slot and applies the redirect's rate-limit headers.
local function release(client, exchange, response)
  exchange:moved(client.runtime:now(), response.status, response:header "Date",
    response:header "RateLimit-Reset", response:header "RateLimit-Remaining",
    response:header "RateLimit-Name")
  client:wake_others(exchange)
end

-- Sets the hop's headers and, for another origin, its exchange. True, or nil and an error.
local function prepare(client, call, hop, last)
  hop.headers = hop.bare and without_credentials(call.headers) or call.headers
  local foreign = last and last.exchange
  if foreign and last.origin == hop.origin then
    hop.exchange = foreign
    return true
  end
  if foreign then client:abandon(foreign) end
  if hop.origin == client.settings.base.origin then return true end
  local err
  hop.exchange, err = client.stores:exchange(hop.origin, call.deadline)
  return hop.exchange and true, err
end

-- The next hop; false if there is none or the redirect is refused; nil and an error.
local function next_hop(client, call, x, response, last)
  local location = location_of(response)
  if not location then return false end
  local hop, why = M.judge(call, client.settings.base.origin, location, response.elapsed, last)
  if not hop then
    call.refused = ("%s (status %d)"):format(why, response.status)
    return false
  end
  release(client, last and last.exchange or x, response)
  local ok, err = prepare(client, call, hop, last)
  if not ok then return nil, err end
  return hop
end

-- libcurl would have resent the request on its own, but no window had a slot: wait for one.
local function held_back(client, call, x, last)
  local exchange = last and last.exchange or x
  exchange:moved(client.runtime:now(), 0)
  client:wake_others(exchange)
  return last or { url = call.url, headers = call.headers, count = 0, spent = 0, bare = false }
end

-- Reports the outcome of the last request to a store to its breaker and windows.
local function report(client, exchange, response, failure)
  local now = client.runtime:now()
  if response then
    exchange:feed(now, 0, "ok", response.status,
      { retry_after = response:header "Retry-After", date = response:header "Date" })
  else
    exchange:feed(now, 0, failure.outcome, tonumber(failure.status) or 0)
  end
  client:wake_others(exchange)
end

--- Does the attempt need another request?
---@param response table|nil
---@param failure table|nil
---@return boolean
function M.continues(response, failure)
  if response then return location_of(response) ~= nil end
  return failure.code == "held_back"
end

--- Continues an attempt to its last response. A refused redirect is the last response, and
--- `call.refused` says why it was refused. A request that was held back is resent once.
---@param client table
---@param call table
---@param x userdata the call's exchange
---@param response table|nil the response to the attempt's first request
---@param failure table|nil
---@return table|nil response
---@return table|nil failure has `ended` if the next request could not be sent
---@return boolean|nil foreign true if the response or failure is from another origin than GitLab's
function M.follow(client, call, x, response, failure)
  local hop, sent_again
  while true do
    local following, err = false, nil
    if response then
      following, err = next_hop(client, call, x, response, hop)
    elseif failure.code == "held_back" and not sent_again then
      following, sent_again = held_back(client, call, x, hop), true
    end
    if err then
      call.err = err
      return nil, { ended = "failed" }
    end
    if not following then break end
    hop = following
    local exchange = hop.exchange or x
    local turn, reason, retry_after = client:await_turn(call, exchange)
    if not turn then return nil, { ended = reason, retry_after = retry_after } end
    response, failure = client:send(call, exchange, hop)
    if failure and failure.ended then return nil, failure end
  end
  local foreign = hop and hop.exchange
  if foreign then report(client, foreign, response, failure) end
  return response, failure, foreign ~= nil
end

return M

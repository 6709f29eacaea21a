--- The options of a client: validated once, completed from the environment and with defaults.
--
-- A wrong type or an unknown name is a programming error and raises. An unusable URL or token often
-- comes from a file or the environment, so it is returned as `nil, err`.

local errors = require "gitlab_pipelines.errors"
local options = require "gitlab_pipelines.options"
local core = require "gitlab_pipelines.core"

local M = {}

local function positive(value)
  if type(value) == "number" and value < 1 then return "must be at least 1" end
end

-- The limit of the C core, whose windows store the time of every request that they count.
local MAX_COUNT = 2 ^ 20

local function countable(value)
  if type(value) == "number" and (value < 1 or value > MAX_COUNT) then
    return ("must be at least 1 and at most %d"):format(MAX_COUNT)
  end
end

local function share(value)
  if not (value >= 0 and value <= 1) then return "must be between 0 and 1" end
end

-- The value is sent in a header as is: a newline would start another header.
local function header_text(value)
  if value:find "%c" then return "must not contain control characters" end
end

local proxy_schemes = { http = true, https = true, socks4 = true, socks4a = true, socks5 = true,
  socks5h = true }

-- As in libcurl, the default scheme is http.
local function proxy_address(value)
  local parts = core.uri.parse(value:find "://" and value or "http://" .. value)
  if not parts or not proxy_schemes[parts.scheme:lower()] or parts.query or parts.fragment then
    return "must be a URL such as http://proxy.example.com:3128"
  end
end

local count = { type = "integer", off = true, check = countable }

local descriptors = {
  client = {
    url = { type = "string" },
    token = { type = "string|function|userdata" },
    auth = { type = "string", one_of = { "private", "bearer", "job" } },
    secrets = { type = "table|function" },
    secrets_file = { type = "string" },
    timeout = { type = "table" },
    retry = { type = "table", off = true },
    limits = { type = "table", off = true },
    breaker = { type = "table", off = true },
    journal = { type = "string" },
    transport = { type = "string|table|userdata" },
    runtime = { type = "table" },
    ca_file = { type = "string" }, client_cert = { type = "string" },
    client_key = { type = "string" },
    user_agent = { type = "string", check = header_text },
    allow_insecure = { type = "boolean" },
    token_prefix = { type = "string" },
    proxy = { type = "string", off = true, check = proxy_address },
    max_bytes = { type = "integer", check = positive },
    check_scopes = { type = "boolean" },
    log = { type = "function|table|userdata|string" },
    log_level = { type = "string", one_of = { "debug", "info", "warn", "error" } },
    tracer = { type = "function" },
  },
  timeout = {
    connect = { type = "duration" }, request = { type = "duration" },
    stall = { type = "duration" }, total = { type = "duration" },
  },
  retry = {
    budget = { type = "number", check = share },
    settle = { type = "table|duration" },
    max_wait = { type = "duration" },
  },
  settle = { finish = { type = "duration" }, visible = { type = "duration" } },
  limits = {
    per_second = count, per_minute = count, create_per_minute = count, jobs_per_minute = count,
    shared = { type = "string" },
  },
  breaker = {
    failures = { type = "integer", check = countable },
    successes = { type = "integer", check = countable },
    reset = { type = "duration" },
  },
}

local defaults = {
  timeout = { connect = 5, request = 30, stall = 30, total = 120 },
  retry = { budget = 0.2, max_wait = 300 },
  settle = { finish = 150, visible = 60 },
  limits = { per_second = 10, per_minute = 600, create_per_minute = 25, jobs_per_minute = 600 },
  breaker = { failures = 5, successes = 2, reset = 30 },
}

local WHERE = "gitlab.new"

-- Returns a nested options table completed with its defaults, durations in seconds; false stays false.
local function section(name, given, level)
  if given == false then return false end
  local descriptor = descriptors[name]
  options.check(WHERE .. ": " .. name, descriptor, given, level + 1)
  local filled = {}
  for key, value in pairs(defaults[name]) do filled[key] = value end
  for key, value in pairs(given or {}) do
    filled[key] = descriptor[key].type == "duration" and options.seconds(value) or value
  end
  return filled
end

-- `settle = n` is the total time, of which 60 s are for a created object to become visible.
local function settle_of(given, level)
  local whole = options.seconds(given)
  if whole then return { visible = defaults.settle.visible,
    finish = math.max(0, whole - defaults.settle.visible) } end
  -- Not a tail call: the level counts this function too.
  local filled = section("settle", given, level + 1)
  return filled
end

local function environment(...)
  for _, name in ipairs { ... } do
    local value = os.getenv(name)
    if value and value ~= "" then return value, name end
  end
end

local function invalid(kind, message)
  return nil, errors.new("ConfigurationError." .. kind, { message = message })
end

--- Is this host the local machine? True only for names and addresses that are always loopback.
---@param host string as written in a URL
---@return boolean
function M.is_loopback(host)
  host = host:lower()
  return host == "localhost" or host:match "%.localhost$" ~= nil or host == "[::1]" or host == "::1"
    or host:match "^127%.%d+%.%d+%.%d+$" ~= nil
end

--- Parses a base URL, with or without a path prefix and /api/v4.
---@param url string
---@return table|nil base `{url, api, origin, scheme, host}`; `url` has no trailing slash
---@return table|nil err ConfigurationError.InvalidBaseUrl
function M.base(url)
  local text = url:match "^%s*(.-)%s*$"
  local parts, why = core.uri.parse(text)
  if not parts then
    if not text:find "://" then why = "must begin with https:// or http://" end
    return invalid("InvalidBaseUrl", ("the URL of GitLab %s"):format((why or ""):gsub("^URL ", "")))
  end
  local scheme = parts.scheme:lower()
  if scheme ~= "https" and scheme ~= "http" then
    return invalid("InvalidBaseUrl", "the URL of GitLab must begin with https:// or http://")
  end
  if parts.userinfo then
    return invalid("InvalidBaseUrl", "the URL of GitLab must not contain a user or password: "
      .. "pass the token in the option 'token'")
  end
  if parts.query or parts.fragment then
    return invalid("InvalidBaseUrl", "the URL of GitLab must not contain a query or fragment")
  end
  local path = (parts.path or ""):gsub("/+$", ""):gsub("/api/v4$", ""):gsub("/+$", "")
  local origin = core.uri.origin(text)
  return { url = origin .. path, api = origin .. path .. "/api/v4", origin = origin,
    scheme = scheme, host = parts.host }
end

-- Returns the token from the options or the environment, and its source.
local function find_token(given)
  if given ~= nil then return given, "option" end
  local text, name = environment("GITLAB_TOKEN", "CI_JOB_TOKEN")
  return text, name
end

local function check_transport(transport, level)
  if transport == nil or transport == "curl" then return end
  local is_object = type(transport) ~= "string"
  local ok, perform = pcall(function() return transport.perform end)
  if not is_object or not ok or type(perform) ~= "function" then
    error(WHERE .. ": option 'transport' must be \"curl\" or an object with a method 'perform'",
      level + 1)
  end
end

--- Validates the options of a client and fills in defaults.
---@param given table|nil the options of `gitlab.new`
---@param level integer|nil stack level reported for invalid options
---@return table|nil settings
---@return table|nil err ConfigurationError
function M.check(given, level)
  level = (level or 2) + 1
  given = options.check(WHERE, descriptors.client, given, level)
  check_transport(given.transport, level)
  local settings = {}
  for name, value in pairs(given) do settings[name] = value end
  settings.timeout = section("timeout", given.timeout, level)
  settings.retry = section("retry", given.retry, level)
  settings.settle = settle_of(given.retry and given.retry.settle or nil, level)
  settings.limits = section("limits", given.limits, level)
  settings.breaker = section("breaker", given.breaker, level)
  settings.max_bytes = given.max_bytes or 64 * 2 ^ 20
  settings.log_level = given.log_level or "info"
  settings.transport = given.transport or "curl"
  settings.allow_insecure = given.allow_insecure or false
  local url = given.url or environment("GITLAB_URL", "CI_SERVER_URL") or "https://gitlab.com"
  local base, err = M.base(url)
  if not base then return nil, err end
  settings.base = base
  settings.token, settings.token_from = find_token(given.token)
  if settings.token and base.scheme == "http" and not settings.allow_insecure
    and not M.is_loopback(base.host) then
    return invalid("InvalidBaseUrl", "a token is not sent over plain http:// to " .. base.host
      .. ": use https://, or allow_insecure = true")
  end
  return settings
end

return M

-- A simulated GitLab in virtual time, clients over it, and its own table as the judge.
local gitlab = require "gitlab_pipelines"
local journals = require "gitlab_pipelines.once.journal"
local json = require "gitlab_pipelines.json"
local request = require "gitlab_pipelines.once.request"

local M = {}

local Env = {}
Env.__index = Env

M.DEVELOPER = "glpat-developer-0001"
M.TRIGGER = "glptt-trigger-000001"

-- project: fields of the one project, 11 "acme/app".
function M.open(options)
  options = options or {}
  local project = { id = 11, default_branch = "main", trigger_tokens = { M.TRIGGER },
    jobs = { { name = "build", stage = "build", duration = 100000 } } }
  for name, value in pairs(options.project or {}) do project[name] = value end
  local tokens = options.tokens or {}
  tokens[#tokens + 1] = { token = M.DEVELOPER, name = "dev", user = "dev", scopes = { "api" },
    role = "developer" }
  local rt = gitlab.runtime.virtual.new { seed = options.seed or 1 }
  local transport = assert(gitlab.mock.new { runtime = rt, seed = options.seed, world = {
    projects = { ["acme/app"] = project },
    tokens = tokens,
  } })
  return setmetatable({ rt = rt, transport = transport, token = transport.token }, Env)
end

-- A client; `journal` is a file or ":memory:" (the default).
function Env:client(options)
  local given = { url = "http://127.0.0.1", token = self.token, transport = self.transport,
    runtime = self.rt, journal = ":memory:", limits = false }
  for name, value in pairs(options or {}) do given[name] = value end
  return assert(gitlab.new(given))
end

-- A journal whose own time is that of the runtime.
function Env:journal(path)
  return assert(journals.open(path, { boot = function()
    local now = self.rt:now()
    return { boot = "virtual", namespace = "", initial = true, by_clock = now, by_proc = now, wall = now }
  end }))
end

function Env:post(target, body)
  local status, text = self.transport:request("POST", target, { body = json.encode(body) })
  assert(status == 200 or status == 201, text)
  return json.decode(text)
end

-- A rule for the creations of pipelines.
function Env:fault(rule)
  rule.method, rule.path = "POST", "/projects/*/*pipeline"
  return self:post("/_mock/faults", rule)
end

-- Every list and look lags by this much.
function Env:lag(seconds) return self:post("/_mock/faults", { lag = seconds }) end

-- A pipeline that somebody else makes.
function Env:stranger(ref, variables)
  return self:post("/projects/11/pipeline", { ref = ref or "main", variables = variables }).id
end

-- All pipelines, an hour from now: {id, ref, mark, status}.
function Env:pipelines()
  self.transport:request("DELETE", "/_mock/faults")
  local all, page = {}, 1
  local later = self.rt:now() + 3600
  while page do
    local status, text, headers = self.transport:request("GET",
      "/projects/11/pipelines?per_page=100&sort=asc&page=" .. page, { now = later })
    assert(status == 200, text)
    for _, row in ipairs(json.decode(text)) do
      local _, rows = self.transport:request("GET",
        ("/projects/11/pipelines/%d/variables"):format(row.id), { now = later })
      all[#all + 1] = { id = row.id, ref = row.ref, status = row.status,
        mark = request.mark_of(json.decode(rows)) }
    end
    page = tonumber(headers:header "X-Next-Page" or "")
  end
  return all
end

-- The ids that hold a key.
function Env:made_for(key)
  local mark, ids = request.mark(key), {}
  for _, row in ipairs(self:pipelines()) do
    if row.mark == mark then ids[#ids + 1] = row.id end
  end
  return ids
end

-- The requests that were made of this kind: "POST", "/pipeline"; "/pipelines?" for lists alone.
function Env:requests(method, path)
  local part = path:match "^(.*)%?$"
  local _, text = self.transport:request("GET",
    ("/_mock/requests?method=%s&path=%s"):format(method, part or path))
  local list = {}
  for _, row in ipairs(json.decode(text)) do
    if not part or row.path:sub(-#part) == part then list[#list + 1] = row end
  end
  return list
end

function Env:count(method, path) return #self:requests(method, path) end

-- The last body that was sent to the creation endpoints.
function Env:last_body()
  local _, text = self.transport:request("GET", "/_mock/requests?method=POST")
  local list = json.decode(text)
  return list[#list].body
end

return M

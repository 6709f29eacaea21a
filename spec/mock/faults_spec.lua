-- Every fault on demand, three times: as bytes on a raw socket of a served simulation, as the answer
-- and action that the simulation gives in process, and as what the in-process transport makes of it.
local calls = require "support.mock_calls"
local core = require "gitlab_pipelines.core"
local httpd = require "support.httpd"
local json = require "gitlab_pipelines.json"
local mock = require "gitlab_pipelines.mock"
local virtual = require "gitlab_pipelines.runtime.virtual"

local step = httpd.step
local LIMITED = "glpat-limited-0123456789"
local world = { projects = { ["acme/free"] = { id = 7 } }, tokens = { { token = LIMITED, calls = 2 } } }
local VERSION = '{"version":"19.2.0"'

-- The cases. `rule` strikes `ask` ("version", a read, unless it says "create"). `wire`: how the
-- connection ended (kept, eof, reset), the status (nil: no answer at all), headers, and `body` (what
-- came of it) or `bytes` (how much did). `action`: kind, and what else there is to it. `client`: a
-- status, or outcome and code. `made`: how many pipelines there are then; `later`: after a minute.
local cases = {
  { "a status with headers and a body",
    rule = { status = 503, headers = { ["Retry-After"] = "7", ["X-Why"] = "none" }, body = { message = "busy" } },
    wire = { "kept", 503, { ["retry-after"] = "7", ["x-why"] = "none", ["content-length"] = "18",
      ["content-type"] = "application/json" }, body = '{"message":"busy"}' },
    client = 503 },
  { "a body that is text", rule = { status = 400, body = "no\r\nt", headers = { ["Content-Type"] = "text/plain" } },
    wire = { "kept", 400, { ["content-type"] = "text/plain" }, body = "no\r\nt" }, client = 400 },
  { "a 500 without a body of its own", rule = { status = 500 },
    wire = { "kept", 500, {}, body = '{"message":"500 Internal Server Error"}' }, client = 500 },
  { "a 502 as a proxy writes it", rule = { status = 502 },
    wire = { "kept", 502, { ["content-type"] = "text/html" }, body = "<html><head><title>502 Bad Gateway</title></head>"
      .. "<body><center><h1>502 Bad Gateway</h1></center></body></html>\n" }, client = 502 },
  { "a 429 as the limiter writes it", rule = { status = 429 },
    wire = { "kept", 429, { ["content-type"] = "text/plain" }, body = "Retry later" }, client = 429 },
  { "a status in place of the work", ask = "create", rule = { status = 504 },
    wire = { "kept", 504, {} }, client = 504, made = 0 },
  { "a status after the work", ask = "create", rule = { status = 504, apply = true },
    wire = { "kept", 504, {} }, client = 504, made = 1 },
  { "a fixed delay", rule = { delay = 0.01 }, wire = { "kept", 200, {}, body = VERSION },
    action = { "send", delay = 0.01 }, client = 200 },
  { "a reset before the answer", ask = "create", rule = { reset = true }, wire = { "reset" },
    action = { "reset" }, client = "unknown reset", made = 0 },
  { "a reset after the work", ask = "create", rule = { reset = true, apply = true }, wire = { "reset" },
    action = { "reset" }, client = "unknown reset", made = 1 },
  { "a reset in the middle of the body", rule = { action = "truncate_reset", bytes = 9 },
    wire = { "reset", 200, { ["content-type"] = "application/json" }, bytes = 9 },
    action = { "truncate_reset", bytes = 9 }, client = "unreadable reset" },
  { "a body cut short", rule = { truncate = 12 }, wire = { "eof", 200, {}, bytes = 12 },
    action = { "truncate", bytes = 12 }, client = "unreadable reset" },
  { "a body that is shorter than announced", rule = { action = "wrong_length", bytes = 1000 },
    wire = { "eof", 200, { ["content-length"] = "1000" }, body = VERSION },
    action = { "wrong_length", bytes = 1000 }, client = "unreadable reset" },
  { "a body that is longer than announced", rule = { action = "wrong_length", bytes = 5 },
    wire = { "eof", 200, { ["content-length"] = "5" }, body = VERSION },
    action = { "wrong_length", bytes = 5 }, client = 200 },
  { "an answer in drops", rule = { dribble = 64, interval = 0.001 }, wire = { "eof", 200, {}, body = VERSION },
    action = { "dribble", bytes = 64, interval = 0.001 }, client = 200 },
  { "bytes that are no answer", ask = "create", rule = { garbage = true },
    wire = { "eof", raw = "\22\3\1 not HTTP\r\n" }, action = { "garbage" }, client = "unknown protocol", made = 0 },
  { "a garbled status line", rule = { garbage = true, body = "HTTP/9 two hundred\r\nContent-Length: 0\r\n\r\n" },
    wire = { "eof", raw = "HTTP/9 two hundred\r\nContent-Length: 0\r\n\r\n" }, action = { "garbage" },
    client = "permanent protocol" },
  { "no answer at all", ask = "create", rule = { drop = true }, wire = { "eof" }, action = { "drop" },
    client = "unknown reset", made = 0 },
  { "apply_then_drop", ask = "create", rule = { apply_then_drop = true }, wire = { "eof" }, action = { "drop" },
    client = "unknown reset", made = 1 },
  { "apply_late without an answer", ask = "create", rule = { apply_late = 30 }, wire = { "eof" },
    action = { "drop" }, client = "unknown reset", made = 0, later = 1 },
  { "apply_late behind a status", ask = "create", rule = { apply_late = 30, status = 502 },
    wire = { "kept", 502, {} }, client = 502, made = 0, later = 1 },
  { "apply_then_close_idle on a connection that was used before", ask = "create", served = 1,
    rule = { apply_then_close_idle = true }, wire = { "eof" }, action = { "drop" }, made = 1 },
  { "an answer that stops and says no more", rule = { action = "stall", bytes = 4, interval = 0.01 },
    wire = { "eof", 200, {}, bytes = 4 }, action = { "stall", bytes = 4, interval = 0.01 },
    client = "unreadable timeout" },
  { "a connection that is closed without a word after a good answer", rule = { action = "send_close" },
    wire = { "eof", 200, {}, body = VERSION }, action = { "send_close" }, client = 200 },
  { "a read that is behind", ask = "create", rule = { lag = 30, method = "GET" }, wire = { "kept", 201, {} },
    client = 201, made = 1, shown = 404, shown_later = 200 },
}

local function rule_of(case)
  local rule = {}
  for name, value in pairs(case.rule) do rule[name] = value end
  if not rule.lag then rule.path = case.ask == "create" and "/projects/*/pipeline" or "/version" end
  return rule
end

local function target_of(case)
  if case.ask == "create" then return "POST", "/projects/7/pipeline", '{"ref":"main"}' end
  return "GET", "/version", ""
end

local function made_of(text) return #assert(json.decode(text)) end

-- In process ------------------------------------------------------------------------------------

local function open() return assert(calls.new { world = world, seed = 3 }) end

local function ask_core(gl, case)
  local method, target, body = target_of(case)
  return gl.transport.core:request(calls.T + gl.at, method, target, { { "PRIVATE-TOKEN", calls.token },
    { "Content-Type", "application/json" } }, body, case.served or 0)
end

local function same_action(case, action)
  local wanted = case.action
  if not wanted then return assert.is_nil(action) end
  assert.equal(wanted[1], action.kind)
  assert.equal(wanted.delay or 0, action.delay)
  if wanted.bytes then assert.equal(wanted.bytes, action.bytes) end
  if wanted.interval then assert.equal(wanted.interval, action.interval) end
end

local function in_process(case)
  local gl = open()
  local status, made = gl:post("/_mock/faults", rule_of(case))
  assert.equal(201, status)
  local headers, body, action
  status, headers, body, action = ask_core(gl, case)
  same_action(case, action)
  local wire = case.wire
  if wire[2] then
    assert.equal(wire[2], status)
    local found = {}
    for _, header in ipairs(headers) do found[header[1]:lower()] = header[2] end
    for name, value in pairs(wire[3]) do
      if name ~= "content-length" then assert.equal(value, found[name], name) end
    end
    if wire.body == VERSION then
      assert.equal(VERSION, body:sub(1, #VERSION))
    elseif wire.body then
      assert.equal(wire.body, body)
    end
  end
  if wire.raw then assert.equal(wire.raw, body) end
  if not case.rule.lag then
    local _, rules = gl:get "/_mock/faults"
    assert.same({ 1, 1 }, { rules[1].matched, rules[1].struck })
  end
  if case.made then assert.equal(case.made, #select(2, gl:get "/_mock/pipelines")) end
  if case.shown then assert.equal(case.shown, (gl:get "/projects/7/pipelines/1")) end
  gl.at = 60
  if case.later then assert.equal(case.later, #select(2, gl:get "/_mock/pipelines")) end
  if case.shown then assert.equal(case.shown_later, (gl:get "/projects/7/pipelines/1")) end
  assert.equal(204, (gl:delete("/_mock/faults/" .. made.id)))
  gl:close()
end

local function by_transport(case)
  local rt = virtual.new { seed = 1 }
  local transport = assert(mock.new { runtime = rt, world = world, seed = 3 })
  local function ask(method, path, body, effect)
    local response, failure
    rt:run(function()
      response, failure = transport:perform { method = method, url = "https://gitlab.test/api/v4" .. path,
        headers = { { "PRIVATE-TOKEN", core.secret.new(calls.token) }, { "Content-Type", "application/json" } },
        body = body, effect = effect or "read", timeout = { request = 20 }, runtime = rt }
    end)
    return response, failure
  end
  assert.equal(201, assert(ask("POST", "/_mock/faults", json.encode(rule_of(case)))).status)
  local method, path, body = target_of(case)
  local response, failure = ask(method, path, body, case.ask == "create" and "create" or "read")
  if type(case.client) == "number" then
    assert.equal(case.client, assert(response).status)
  else
    assert.equal(case.client, failure.outcome .. " " .. failure.code)
  end
  if case.made then assert.equal(case.made, made_of(assert(ask("GET", "/_mock/pipelines")).body)) end
  transport:close()
end

-- Over HTTP -------------------------------------------------------------------------------------

local function http(method, path, body, token)
  return ("%s %s HTTP/1.1\r\nHost: t\r\nPRIVATE-TOKEN: %s\r\nContent-Type: application/json\r\n"
    .. "Content-Length: %d\r\n\r\n%s"):format(method, path, token or calls.token, #(body or ""), body or "")
end

-- Takes the first whole answer off: its status, headers, body and what came after it.
local function take(received)
  local head, rest = received:match "^(.-\r\n)\r\n(.*)$"
  if not head then return nil, {}, received end
  local headers = {}
  for name, value in head:gmatch "\n([^\r\n:]+): ?([^\r\n]*)" do headers[name:lower()] = value end
  local length = tonumber(headers["content-length"] or 0)
  return tonumber(head:match "^HTTP/1%.1 (%d%d%d) "), headers, rest:sub(1, length), rest:sub(length + 1)
end

-- Several requests on one connection; gives how it ended and all that came. `open`: it is not
-- expected to be closed.
local function talk(server, requests, is_kept)
  local steps = {}
  for i, request in ipairs(requests) do
    steps[#steps + 1] = step.send(request)
    if i < #requests or is_kept then steps[#steps + 1] = step.answers(i) end
  end
  if is_kept then steps[#steps + 1] = step.keep end
  return httpd.raw(server, steps)
end

local function on_the_wire(server, case)
  local method, target, body = target_of(case)
  local wire = case.wire
  local how, received = talk(server, { http("POST", "/_mock/faults", json.encode(rule_of(case))),
    http(method, target, body) }, wire[1] == "kept")
  assert.equal(wire[1], how)
  local status, _, answer, rest = take(received)
  assert.equal(201, status, answer)
  received = rest
  if wire.raw then
    assert.equal(wire.raw, received)
  elseif not wire[2] then
    assert.equal("", received)
  else
    local headers
    status, headers, answer, rest = take(received)
    assert.equal(wire[2], status)
    for name, value in pairs(wire[3]) do assert.equal(value, headers[name], name) end
    if wire.bytes then
      assert.equal(wire.bytes, #answer)
      assert.is_true(tonumber(headers["content-length"]) > wire.bytes)
    elseif wire.body == VERSION then
      assert.equal(VERSION, (answer .. rest):sub(1, #VERSION))
      assert.equal("}", (answer .. rest):sub(-1))
    elseif wire.body then
      assert.equal(wire.body, answer)
    end
    if wire[1] == "eof" then assert.is_nil(headers.connection) end
  end
  -- What it has done, now and a minute later; then everything is as it was.
  local asks = { http("GET", "/_mock/pipelines"), http("GET", "/projects/7/pipelines/latest"),
    http("POST", "/_mock/clock", '{"advance":60}'), http("GET", "/_mock/pipelines"),
    http("GET", "/projects/7/pipelines/latest"), http("DELETE", "/_mock/faults"), http("DELETE", "/_mock/pipelines") }
  how, received = talk(server, asks, true)
  assert.equal("kept", how)
  local told = {}
  for i = 1, #asks do
    local code, _, text, after = take(received)
    told[i], received = { status = code, body = text }, after
  end
  if case.made then assert.equal(case.made, made_of(told[1].body)) end
  if case.shown then assert.same({ 403, 200 }, { told[2].status, told[5].status }) end
  if case.later then assert.equal(case.later, made_of(told[4].body)) end
  assert.same({ 204, 204 }, { told[6].status, told[7].status })
end

describe("every fault", function()
  local server, file
  setup(function()
    file = os.tmpname()
    local out = assert(io.open(file, "w"))
    out:write(json.encode(world))
    out:close()
    os.rename(file, file .. ".json")
    server = httpd.start({ httpd.lua, "bin/gitlab-pipelines", "mock", "serve", "--port", "0", "--clock", "virtual",
      "--db", ":memory:", "--seed", "3", "--world", file .. ".json" })
  end)
  teardown(function()
    server:stop()
    os.remove(file .. ".json")
  end)

  for _, case in ipairs(cases) do
    it(case[1] .. ": as bytes on the wire", function() on_the_wire(server, case) end)
    it(case[1] .. ": in process", function() in_process(case) end)
    if case.client then it(case[1] .. ": to a client in process", function() by_transport(case) end) end
  end

  it("throttling: a 429 of the limiter, the creation limit's 400, the job list's 429", function()
    local list = { http("POST", "/_mock/faults", '{"path":"/user","throttle":{"limit":1,"period":60}}'),
      http("POST", "/_mock/faults", '{"throttle":{"creations":1,"jobs":1}}'),
      http("GET", "/user"), http("GET", "/user"),
      http("POST", "/projects/7/pipeline", '{"ref":"main"}'), http("POST", "/projects/7/pipeline", '{"ref":"main"}'),
      http("GET", "/projects/7/jobs"), http("GET", "/projects/7/jobs"), http("DELETE", "/_mock/faults"),
      http("DELETE", "/_mock/pipelines") }
    local how, received = talk(server, list, true)
    assert.equal("kept", how)
    local told = {}
    for i = 1, #list do
      local status, headers, body, rest = take(received)
      told[i], received = { status = status, headers = headers, body = body }, rest
    end
    assert.same({ 200, 429 }, { told[3].status, told[4].status })
    assert.same({ "text/plain", "Retry later", "0", "1" }, { told[4].headers["content-type"], told[4].body,
      told[4].headers["ratelimit-remaining"], told[4].headers["ratelimit-limit"] })
    assert.is_true(tonumber(told[4].headers["retry-after"]) <= 60)
    assert.same({ 201, 400 }, { told[5].status, told[6].status })
    assert.equal('{"message":{"base":["Too many pipelines created in the last minute. Try again later."]}}',
      told[6].body)
    assert.same({ 200, 429 }, { told[7].status, told[8].status })
    assert.equal('{"message":{"error":"This endpoint has been requested too many times. Try again later."}}',
      told[8].body)
  end)

  it("a token that runs out at its third call", function()
    local list = {}
    for i = 1, 4 do list[i] = http("GET", "/version", nil, LIMITED) end
    local _, received = talk(server, list, true)
    local seen, last = {}, nil
    for i = 1, 4 do
      seen[i], last, received = take(received), select(3, take(received)), select(4, take(received))
    end
    assert.same({ 200, 200, 401, 401 }, seen)
    assert.equal('{"error":"invalid_token","error_description":"Token is expired. You can either do '
      .. 're-authorization or token refresh."}', last)
  end)
end)

describe("a fault rule", function()
  local gl
  before_each(function() gl = open() end)
  after_each(function() gl:close() end)

  local function rule(fields) assert.equal(201, (gl:post("/_mock/faults", fields))) end

  -- Which of so many reads were struck.
  local function struck(count, target)
    local found = {}
    for i = 1, count do
      if gl:get(target or "/version") ~= 200 then found[#found + 1] = i end
    end
    return found
  end

  it("applies to one method, in any case, or to all", function()
    rule { method = "post", status = 500 }
    assert.equal(200, (gl:get "/version"))
    assert.equal(500, (gl:post("/projects/7/pipeline", { ref = "main" })))
  end)

  it("matches a path without prefix and query, where * stands for anything", function()
    rule { path = "/projects/*/pipelines", status = 500 }
    assert.equal(500, (gl:get "/projects/7/pipelines"))
    assert.equal(500, (gl:get "/api/v4/projects/acme%2Ffree/pipelines?per_page=1"))
    assert.equal(404, (gl:get "/projects/7/pipelines/1"))
    assert.equal(200, (gl:get "/projects/7"))
  end)

  it("never applies to the simulation's own paths", function()
    rule { status = 500 }
    for _, path in ipairs { "/_mock/faults", "/api/v4/_mock/clock", "/openapi.json", "/docs" } do
      assert.equal(200, (gl:get(path)), path)
    end
  end)

  it("lets n requests pass, strikes every n-th of the rest, and at most n times", function()
    rule { after = 2, every = 3, times = 2, status = 500 }
    assert.same({ 5, 8 }, struck(20))
    local _, rules = gl:get "/_mock/faults"
    assert.same({ 8, 2 }, { rules[1].matched, rules[1].struck })
  end)

  it("strikes with a probability, the same ones for the same seed", function()
    rule { probability = 0.3, status = 500 }
    local first = struck(1000)
    assert.is_true(#first > 250 and #first < 350, #first)
    local function again(seed)
      gl:close()
      gl = assert(calls.new { world = world, seed = seed })
      rule { probability = 0.3, status = 500 }
      return struck(1000)
    end
    assert.same(first, again(3))
    assert.not_same(first, again(4))
    gl:delete "/_mock/faults"
    rule { probability = 0, status = 500 }
    assert.same({}, struck(100))
    gl:delete "/_mock/faults"
    rule { probability = 1, status = 500 }
    assert.equal(100, #struck(100))
  end)

  it("counts independently of other rules; the first that strikes decides", function()
    rule { status = 500, every = 2 }
    rule { status = 503, every = 3 }
    local seen = {}
    for i = 1, 6 do seen[i] = (gl:get "/version") end
    assert.same({ 200, 500, 503, 500, 200, 500 }, seen)
  end)

  it("does not close a connection on its first request when it closes idle ones", function()
    rule { apply_then_close_idle = true }
    assert.is_nil((select(4, ask_core(gl, {}))))
    assert.equal("drop", select(4, ask_core(gl, { served = 1 })).kind)
  end)

  -- Delays of so many reads.
  local function delays(count, delay, seed)
    gl:close()
    gl = assert(calls.new { world = world, seed = seed or 3 })
    rule { delay = delay }
    local list = {}
    for i = 1, count do list[i] = select(4, ask_core(gl, {})).delay end
    return list
  end

  it("delays by a fixed time", function()
    assert.same({ 2.5, 2.5, 2.5 }, delays(3, 2.5))
  end)

  it("delays by a uniformly distributed time", function()
    local list = delays(2000, { min = 1, max = 3 })
    local sum, squares = 0, 0
    for _, x in ipairs(list) do
      assert.is_true(x >= 1 and x < 3)
      sum, squares = sum + x, squares + (x - 2) ^ 2
    end
    assert.near(2, sum / 2000, 0.05)
    assert.near(1 / 3, squares / 2000, 0.03) -- what evenly spread times have
    assert.same(list, delays(2000, { min = 1, max = 3 }))
    assert.not_same(list, delays(2000, { min = 1, max = 3 }, 4))
  end)

  it("delays by a lognormal time", function()
    local list, sum, squares = delays(2000, { median = 0.5, sigma = 0.8 }), 0, 0
    for _, x in ipairs(list) do sum = sum + math.log(x / 0.5) end
    for _, x in ipairs(list) do squares = squares + (math.log(x / 0.5) - sum / 2000) ^ 2 end
    assert.near(0, sum / 2000, 0.06)
    assert.near(0.8, math.sqrt(squares / 2000), 0.05)
    table.sort(list)
    assert.near(0.5, list[1000], 0.05)
    assert.is_true(list[2000] > 3) -- the long tail
    assert.same(delays(50, { median = 0.5, sigma = 0.8 }), delays(50, { median = 0.5, sigma = 0.8 }))
  end)

  it("is refused if a field is unknown or invalid", function()
    for _, row in ipairs { { { sttus = 500 }, "unknown field 'sttus' of a rule" },
      { { status = 99 }, "status does not have a valid value" }, { { status = "503" }, "status is invalid" },
      { { action = "explode" }, "action does not have a valid value" }, { { delay = "soon" }, "delay is invalid" },
      { { times = -1 }, "times is invalid" }, { { every = 1.5 }, "every is invalid" },
      { { path = 7 }, "path is invalid" }, { { headers = "X-A: b" }, "headers is invalid" },
      { { reset = 1 }, "reset is invalid" }, { { throttle = true }, "throttle is invalid" } } do
      local status, answer = gl:post("/_mock/faults", row[1])
      assert.same({ 400, row[2] }, { status, answer.error })
    end
    local none, message = calls.new { world = { projects = {}, faults = { { times = "x" } } } }
    assert.is_nil(none)
    assert.truthy(message:find("times is invalid", 1, true), message)
  end)
end)

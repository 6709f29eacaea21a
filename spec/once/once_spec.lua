-- Exactly one pipeline for a key: the whole client over the simulated GitLab, in virtual time.
local gitlab = require "gitlab_pipelines"
local once_mock = require "support.once_mock"
local process = require "support.process"
local request = require "gitlab_pipelines.once.request"

local function create(gl, key, fields, opts)
  local given = { ref = "main", once = key }
  for name, value in pairs(fields or {}) do given[name] = value end
  return gl.pipelines:create(11, given, opts)
end

local function refused(kind, result, err)
  assert.is_nil(result)
  assert.is_true(err:is(kind), tostring(err))
  return err
end

describe("once", function()
  it("sends its mark with the caller's variables, and gives what was made", function()
    local env = once_mock.open()
    local gl = env:client()
    local pipeline = assert(create(gl, "a", { variables = { B = "2", A = "1" } }))
    assert.is_nil(pipeline.adopted)
    local mark = request.mark "a"
    assert.matches("^gp1%-[a-z2-7]+$", mark)
    assert.equal(4 + 26, #mark)
    assert.same({ { key = "A", value = "1" }, { key = "B", value = "2" },
      { key = "GITLAB_PIPELINES_KEY", value = mark } }, env:last_body().variables)
    assert.same({ pipeline.id }, env:made_for "a")
  end)

  it("sends it at the trigger endpoint as a variable and as a parameter", function()
    local env = once_mock.open()
    local gl = env:client()
    local run = { token = once_mock.TRIGGER, ref = "main", once = "t" }
    local pipeline = assert(gl.triggers:run(11, run))
    local body, mark = env:last_body(), request.mark "t"
    assert.same({ GITLAB_PIPELINES_KEY = mark }, body.variables)
    assert.equal(mark, body.gitlab_pipelines_key)
    assert.equal("trigger", pipeline.source)
    env:fault { apply_then_drop = true, times = 1 }
    run.once = "u"
    local adopted = assert(gl.triggers:run(11, run))
    assert.is_true(adopted.adopted)
    assert.same({ adopted.id }, env:made_for "u")
  end)

  it("gives the same pipeline to a second call, and asks for another request to have another key",
    function()
      local env = once_mock.open()
      local gl = env:client()
      local first = assert(create(gl, "a", { variables = { V = "1" } }))
      local again = assert(create(gl, "a", { variables = { { key = "V", value = "1" } } }))
      assert.same({ first.id, true }, { again.id, again.adopted })
      local posts = env:count("POST", "/pipeline")
      for _, other in ipairs { { ref = "dev" }, { variables = { V = "2" } }, { inputs = { x = 1 } } } do
        local err = refused("KeyReused", create(gl, "a", other))
        assert.equal("a", err.key)
      end
      assert.equal(posts, env:count("POST", "/pipeline"))
    end)

  it("knows a secret variable by its value and keeps it out of the journal", function()
    local env = once_mock.open()
    local path, remove = process.file "once.db"
    local gl = env:client { journal = path }
    local function with(text)
      return create(gl, "s", { variables = { PASSWORD = gitlab.secret.new(text) } })
    end
    assert(with "correct-horse-battery")
    assert.is_true(assert(with "correct-horse-battery").adopted)
    refused("KeyReused", with "another-horse-battery")
    gl:close()
    local file = assert(io.popen("cat " .. path .. "*"))
    assert.is_nil(file:read("*a"):find("horse", 1, true))
    file:close()
    remove()
  end)

  it("frees the key when GitLab refuses", function()
    local env = once_mock.open { project = { refs = { "main", "dev" } } }
    local gl = env:client()
    refused("InvalidRef", create(gl, "a", { ref = "none" }))
    assert(create(gl, "a", { ref = "dev" }))
  end)

  it("scopes keys by project", function()
    local env = once_mock.open()
    local gl = env:client()
    local first = assert(create(gl, "a"))
    env.transport:request("DELETE", "/_mock/faults")
    assert.is_nil(first.adopted)
    local path = assert(gl.pipelines:create("acme/app", { ref = "main", once = "a" }))
    assert.same({ first.id, true }, { path.id, path.adopted })
  end)

  it("sends nothing while it cannot tell which project a path is", function()
    local env = once_mock.open()
    local gl = env:client()
    env:post("/_mock/faults", { method = "GET", path = "/projects/acme*app", status = 500, times = 3 })
    refused("InternalError", gl.pipelines:create("acme/app", { ref = "main", once = "a" }))
    assert.equal(0, env:count("POST", "/pipeline"))
    local pipeline = assert(gl.pipelines:create("acme/app", { ref = "main", once = "a" }))
    assert.equal(pipeline.id, assert(create(gl, "a")).id)
  end)

  it("remembers a path's number for a token that may not read the project", function()
    local path, remove = process.file "once.db"
    local env = once_mock.open()
    local gl = env:client { journal = path }
    local first = assert(gl.pipelines:create("acme/app", { ref = "main", once = "a" }))
    env:post("/_mock/faults", { method = "GET", path = "/projects/acme*app", status = 404,
      body = { message = "404 Project Not Found" } })
    local other = env:client { journal = path }
    local again = assert(other.pipelines:create("acme/app", { ref = "main", once = "a" }))
    assert.same({ first.id, true }, { again.id, again.adopted })
    gl:close()
    other:close()
    remove()
  end)

  it("refuses wrong use before anything is sent", function()
    local env = once_mock.open()
    local gl = env:client()
    -- The mistake is named at the line that made it.
    local function mistake(fn)
      local ok, message = pcall(fn)
      assert.is_false(ok)
      local line = debug.getinfo(fn, "S").linedefined + 1
      assert.equal(("spec/once/once_spec.lua:%d: "):format(line), message:match "^.-:%d+: ")
      return message
    end
    assert.matches("'once' must not be empty", mistake(function()
      gl.pipelines:create(11, { ref = "main", once = "" })
    end))
    assert.matches("'once' must not be empty", mistake(function()
      gl.triggers:run(11, { token = once_mock.TRIGGER, ref = "main", once = "" })
    end))
    for _, adopt in ipairs { "first", "0", -1, 0 } do
      assert.matches("'adopt' must be", mistake(function()
        gl.pipelines:create(11, { ref = "main", once = "a", adopt = adopt })
      end))
    end
    refused("InvalidVariable", create(gl, "a", { variables = { GITLAB_PIPELINES_KEY = "x" } }))
    assert.equal(0, env:count("POST", "/pipeline"))
  end)

  it("says so when its journal cannot be used, and sends nothing", function()
    local env = once_mock.open()
    refused("JournalUnusable", create(env:client { journal = "/nonexistent/once.db" }, "a"))
    assert.equal(0, env:count("POST", "/pipeline"))
  end)
end)

describe("once, whose journal another process has locked,", function()
  it("ends at its deadline, sends nothing, and names the file and the process", function()
    local path, remove = process.file "once.db"
    local env = once_mock.open()
    local gl = env:client { journal = path }
    assert(create(gl, "before"))
    local posts = env:count("POST", "/pipeline")
    process.while_locked(path, "BEGIN IMMEDIATE", function(pid)
      local clock = require("gitlab_pipelines.core").clock
      local start = clock.now()
      local err = refused("JournalUnusable", create(gl, "k", nil, { timeout = 0.2 }))
      local took = clock.now() - start
      assert.is_true(took >= 0.2 and took < 3, tostring(took))
      assert.same({ pid, "k" }, { err.pid, err.key })
      assert.is_truthy(err.message:find(("%s: locked by process %d"):format(path, pid), 1, true))
      -- What is known already needs no lock.
      assert.is_true(assert(create(gl, "before")).adopted)
    end)
    assert.equal(posts, env:count("POST", "/pipeline"))
    assert(create(gl, "k"))
    gl:close()
    remove()
  end)
end)

-- What a doubtful answer can be, and whether the pipeline is there all the same.
local doubts = {
  { "a lost answer", { apply_then_drop = true }, true },
  { "a lost request", { drop = true }, false },
  { "a request carried out late", { apply_late = 149 }, true },
  { "a request answered and carried out late", { apply_late = 100, status = 502 }, true },
  { "a 500 after it was saved", { status = 500, apply = true }, true },
  { "a 500 before", { status = 500 }, false },
  { "a 502", { status = 502 }, false },
  { "a 503 with Retry-After, after it was saved",
    { status = 503, apply = true, headers = { ["Retry-After"] = "3" },
      body = { message = "Upstream Gitaly has been exhausted. Try again later" } }, true },
  { "a 409 after it was saved",
    { status = 409, apply = true, body = { message = "409 Conflict: Resource lock" } }, true },
  { "a 429 of storage after it was saved",
    { status = 429, apply = true, headers = { ["Content-Type"] = "application/json" },
      body = { message = "Upstream Gitaly has been exhausted" } }, true },
  { "a truncated answer", { truncate = 20 }, true },
  { "garbage after it was saved", { garbage = true, apply = true }, true },
}

describe("once, in doubt:", function()
  for _, doubt in ipairs(doubts) do
    it(doubt[1], function()
      for _, lag in ipairs { 0, 30, 59 } do
        local env = once_mock.open()
        local gl = env:client()
        if lag > 0 then env:lag(lag) end
        local rule = { times = 1 }
        for name, value in pairs(doubt[2]) do rule[name] = value end
        env:fault(rule)
        local start = env.rt:now()
        local pipeline, err = create(gl, "k")
        assert.is_truthy(pipeline, doubt[1] .. ", lag " .. lag .. ": " .. tostring(err))
        assert.equal(doubt[3] or nil, pipeline.adopted)
        assert.is_true(env.rt:now() - start <= 330.5)
        assert.same({ pipeline.id }, env:made_for "k")
      end
    end)
  end

  it("ends with UnknownOutcome at its deadline and goes on from there", function()
    local path, remove = process.file "once.db"
    local env = once_mock.open()
    local gl = env:client { journal = path }
    env:fault { apply_late = 100, times = 1 }
    local start = env.rt:now()
    local err = refused("UnknownOutcome", create(gl, "k", nil, { timeout = 60 }))
    assert.same({ true, "k", true }, { err.unknown_outcome, err.key, err.retryable })
    assert.equal(60, env.rt:now() - start)
    assert.equal(150, err.retry_after)
    assert.same({}, err.candidates)
    local pipeline = assert(create(gl, "k"))
    assert.is_true(pipeline.adopted)
    assert.same({ pipeline.id }, env:made_for "k")
    gl:close()
    remove()
  end)

  it("begins anew after a restart, not in the same process", function()
    for _, restart in ipairs { false, true } do
      local path, remove = process.file "once.db"
      local env = once_mock.open()
      local gl = env:client { journal = path }
      env:fault { drop = true, times = 1 }
      refused("UnknownOutcome", create(gl, "k", nil, { timeout = 60 }))
      if restart then
        gl:close()
        gl = env:client { journal = path }
      end
      local start = env.rt:now()
      assert(create(gl, "k"))
      local took = env.rt:now() - start
      assert.is_true(restart and took >= 215 or not restart and took >= 155 and took < 160,
        tostring(took))
      gl:close()
      remove()
    end
  end)

  it("takes the settings of settle", function()
    local env = once_mock.open()
    local gl = env:client { retry = { settle = { finish = 20, visible = 10 } } }
    env:fault { drop = true, times = 1 }
    local start = env.rt:now()
    assert(create(gl, "k"))
    assert.equal(35, env.rt:now() - start)
  end)

  it("does not repeat with retry = false, but finds out", function()
    local env = once_mock.open()
    local gl = env:client()
    env:fault { status = 500, times = 1 }
    local err = refused("InternalError", create(gl, "k", nil, { retry = false }))
    assert.same({ true, "k" }, { err.retryable, err.key })
    assert.equal(1, env:count("POST", "/pipeline"))
    assert.is_nil(assert(create(gl, "k")).adopted)
  end)

  it("gives up after three sends that made nothing", function()
    local env = once_mock.open()
    local gl = env:client { retry = { settle = 60 } }
    env:fault { drop = true }
    local err = refused("NetworkError", create(gl, "k", nil, { timeout = 1000 }))
    assert.is_true(err.retryable)
    assert.equal(3, env:count("POST", "/pipeline"))
  end)

  it("knows a pipeline by its name where variables cannot be read", function()
    local env = once_mock.open { project = { name = "build $GITLAB_PIPELINES_KEY" } }
    local gl = env:client { token = once_mock.DEVELOPER }
    local stranger = env:stranger()
    env:fault { apply_then_drop = true, times = 1 }
    local pipeline = assert(gl.triggers:run(11, { token = once_mock.TRIGGER, ref = "main", once = "k" }))
    assert.is_true(pipeline.adopted)
    assert.is_true(pipeline.id ~= stranger)
  end)

  it("reports others that hold the key, and adopts the lowest", function()
    local env = once_mock.open()
    local gl = env:client()
    local mine = { { key = request.VARIABLE, value = request.mark "k" } }
    local first, second = env:stranger("main", mine), env:stranger("main", mine)
    local pipeline = assert(create(gl, "k"))
    assert.same({ first, true, { second } }, { pipeline.id, pipeline.adopted, pipeline.duplicates })
    assert.equal(2, env:count("POST", "/pipeline"))
  end)

  it("asks for what was made since ten minutes before, on the server's clock, and nothing else", function()
    local env = once_mock.open()
    env:post("/_mock/clock", { advance = 7200 })
    local gl = env:client()
    env:fault { apply_then_drop = true, times = 1 }
    assert.is_true(assert(create(gl, "k")).adopted)
    local lists = env:requests("GET", "/pipelines?")
    assert.is_true(#lists > 0)
    for _, request_seen in ipairs(lists) do
      local query = request_seen.query
      assert.equal("2026-01-01T01:50:00.000Z", query.created_after)
      query.created_after, query.page, query.per_page = nil, nil, nil
      assert.same({}, query)
    end
  end)

  it("asks for all pipelines where the server tells no time", function()
    local env = once_mock.open()
    local transport = {}
    for _, name in ipairs { "close", "request" } do
      transport[name] = function(_, ...) return env.transport[name](env.transport, ...) end
    end
    function transport.perform(_, asked)
      local response, failure = env.transport:perform(asked)
      if not response then return response, failure end
      return setmetatable({ header = function(_, name)
        if name ~= "Date" then return response:header(name) end
      end }, { __index = response })
    end
    local gl = env:client { transport = transport }
    env:fault { apply_then_drop = true, times = 1 }
    local pipeline = assert(create(gl, "k"))
    assert.is_true(pipeline.adopted)
    for _, seen in ipairs(env:requests("GET", "/pipelines?")) do assert.is_nil(seen.query.created_after) end
    assert.same({ pipeline.id }, env:made_for "k")
  end)

  it("reads all pages, and a pipeline's variables only once", function()
    local env = once_mock.open()
    local gl = env:client()
    env:fault { apply_late = 30, times = 1 }
    env.rt:after(1, function()
      for _ = 1, 150 do env:stranger() end
    end)
    env.rt:after(60, function()
      for _ = 1, 120 do env:stranger() end
    end)
    local pipeline = assert(create(gl, "k"))
    assert.is_true(pipeline.adopted)
    local seen = {}
    for _, one in ipairs(env:requests("GET", "/variables")) do
      assert.is_nil(seen[one.path], one.path)
      seen[one.path] = true
    end
  end)

  it("asks for no variables with a job token, which may not read them", function()
    local env = once_mock.open { tokens = { { token = "glcbt-0123456789", name = "job", user = "dev",
      kind = "job", role = "developer" } } }
    local gl = env:client { token = "glcbt-0123456789" }
    env:fault { apply_then_drop = true, times = 1 }
    local err = refused("UnknownOutcome", gl.triggers:run(11, { ref = "main", once = "k" }))
    assert.equal(1, #err.candidates)
    assert.equal(0, #env:requests("GET", "/variables"))
    env:fault { drop = true, times = 1 }
    assert.is_nil(assert(gl.triggers:run(11, { ref = "main", once = "l" })).adopted)
  end)

  it("looks no further than 300 pipelines", function()
    local env = once_mock.open()
    local gl = env:client()
    env:fault { drop = true, times = 1 }
    local look = env.rt:after(1, function()
      for _ = 1, 301 do env:stranger() end
    end)
    assert.is_truthy(look)
    local err = refused("UnknownOutcome", create(gl, "k"))
    assert.matches("more than 300", err.message)
  end)

  it("settles first when it is cancelled, then cancels what it finds", function()
    for _, made in ipairs { true, false } do
      local env = once_mock.open()
      local gl, rt = env:client(), env.rt
      env:fault { apply_late = made and 50 or nil, drop = not made or nil, times = 1 }
      local start = rt:now()
      local result, err
      rt:run(function()
        local task = rt:spawn(function() result, err = create(gl, "k") end)
        rt:sleep(3)
        task:cancel()
        task:join()
      end)
      refused("Cancelled", result, err)
      local took = rt:now() - start
      if made then
        assert.is_true(took >= 50 and took < 90, tostring(took))
        assert.equal("canceled", env:pipelines()[1].status)
        assert.equal(env:pipelines()[1].id, err.pipeline_id)
      else
        assert.is_true(took >= 215 and took < 217, tostring(took))
        assert.same({}, env:pipelines())
        assert.is_nil(assert(create(gl, "k")).adopted)
      end
    end
  end)

  it("settles when the very request is cancelled", function()
    local env = once_mock.open()
    local gl, rt = env:client(), env.rt
    env:fault { delay = 10, times = 1 }
    local result, err
    rt:run(function()
      local task = rt:spawn(function() result, err = create(gl, "k") end)
      rt:sleep(3)
      task:cancel()
      task:join()
    end)
    refused("Cancelled", result, err)
    assert.same({ "canceled" }, { env:pipelines()[1].status, env:pipelines()[2] })
  end)
end)

-- What says that a pipeline was created, but not which one.
local nameless = {
  { "a truncated response", { status = 201, truncate = 20 } },
  { "a response without an id", { status = 201, body = { message = "created" } } },
  { "an id that is text", { status = 201, body = { id = "17" } } },
  { "an id that is no integer", { status = 201, body = { id = 17.5 } } },
  { "an array", { status = 201, body = {} } },
  { "HTML", { status = 200, headers = { ["Content-Type"] = "text/html" }, body = "<html></html>" } },
}

describe("once, when GitLab said it was created and no list shows it:", function()
  -- The request comes to nothing on the server, whatever it says.
  local function nothing_made(fault)
    local rule = { times = 1 }
    for name, value in pairs(fault) do rule[name] = value end
    return rule
  end

  it("is never sent again, by no later process, and says so", function()
    for _, case in ipairs(nameless) do
      local path, remove = process.file "once.db"
      local env = once_mock.open()
      local gl = env:client { journal = path }
      env:fault(nothing_made(case[2]))
      for round = 1, 4 do
        local err = refused("UnknownOutcome", create(gl, "k"))
        assert.is_true(err.said_made, case[1])
        assert.matches("never sent again", err.message)
        assert.same({ true, "k", false }, { err.unknown_outcome, err.key, err.retryable })
        assert.equal(1, env:count("POST", "/pipeline"), ("%s, call %d"):format(case[1], round))
        gl:close()
        gl = env:client { journal = path }
      end
      -- Not one that ran out of time either.
      assert.is_true(refused("UnknownOutcome", create(gl, "k", nil, { timeout = 10 })).said_made)
      assert.equal(1, env:count("POST", "/pipeline"))
      gl:close()
      remove()
    end
  end)

  it("is adopted once it shows, or by a person", function()
    local path, remove = process.file "once.db"
    local env = once_mock.open()
    local gl = env:client { journal = path }
    env:fault(nothing_made(nameless[2][2]))
    refused("UnknownOutcome", create(gl, "k"))
    local other = env:stranger()
    gl:close()
    gl = env:client { journal = path }
    local chosen = assert(create(gl, "k", { adopt = other }))
    assert.same({ other, true }, { chosen.id, chosen.adopted })
    assert.equal(other, assert(create(gl, "k")).id)
    env:fault(nothing_made(nameless[2][2]))
    refused("UnknownOutcome", create(gl, "late"))
    local late = env:stranger("main", { { key = "GITLAB_PIPELINES_KEY", value = request.mark "late" } })
    assert.same(late, assert(create(gl, "late")).id)
    gl:close()
    remove()
  end)

  it("is sent again when a person says so, and then is in doubt like any other", function()
    local path, remove = process.file "once.db"
    local env = once_mock.open()
    local gl = env:client { journal = path }
    env:fault(nothing_made(nameless[2][2]))
    refused("UnknownOutcome", create(gl, "k"))
    gl:close()
    gl = env:client { journal = path }
    env:fault { drop = true, times = 1 }
    local err = refused("UnknownOutcome", create(gl, "k", { send_again = true }, { timeout = 20 }))
    assert.is_nil(err.said_made)
    local pipeline = assert(create(gl, "k"))
    assert.is_nil(pipeline.adopted)
    assert.same({ pipeline.id }, env:made_for "k")
    gl:close()
    remove()
  end)

  it("is not sent again where the pipeline of the response belongs to another key", function()
    local path, remove = process.file "once.db"
    local env = once_mock.open()
    local gl = env:client { journal = path }
    local first = assert(create(gl, "first"))
    env:fault { status = 201, times = 1, body = first }
    refused("KeyReused", create(gl, "k"))
    gl:close()
    gl = env:client { journal = path }
    local posts = env:count("POST", "/pipeline")
    assert.is_true(refused("UnknownOutcome", create(gl, "k")).said_made)
    assert.equal(posts, env:count("POST", "/pipeline"))
    gl:close()
    remove()
  end)
end)

describe("once, among several:", function()
  it("two with one journal and one key get one pipeline", function()
    for _, fault in ipairs { false, { apply_then_drop = true, times = 1 }, { drop = true, times = 1 },
      { apply_late = 120, times = 1 } } do
      local path, remove = process.file "once.db"
      local env = once_mock.open()
      local one, two = env:client { journal = path }, env:client { journal = path }
      if fault then env:fault(fault) end
      local results
      env.rt:run(function()
        results = assert(env.rt:all { function() return create(one, "k") end,
          function() return create(two, "k") end, function() return create(one, "k") end })
      end)
      assert.equal(results[1].id, results[2].id)
      assert.equal(results[1].id, results[3].id)
      assert.same({ results[1].id }, env:made_for "k")
      one:close()
      two:close()
      remove()
    end
  end)

  it("one that waits for another ends at its deadline", function()
    local path, remove = process.file "once.db"
    local env = once_mock.open()
    local one, two = env:client { journal = path }, env:client { journal = path }
    env:fault { drop = true, times = 1 }
    env.rt:run(function()
      local task = env.rt:spawn(create, one, "k")
      env.rt:sleep(1)
      local start = env.rt:now()
      local err = refused("UnknownOutcome", create(two, "k", nil, { timeout = 20 }))
      assert.matches("in use by process %d+", err.message)
      assert.is_truthy(err.message:find(path, 1, true))
      assert.equal(20, env.rt:now() - start)
      assert.is_truthy(task:join())
    end)
    one:close()
    two:close()
    remove()
  end)

  it("two with two journals keep the lowest, cancel the other and say so", function()
    local env = once_mock.open()
    local one, two = env:client(), env:client()
    -- Both look before either has sent.
    env:post("/_mock/faults", { method = "GET", path = "/projects/*/pipelines", delay = 1 })
    local results
    env.rt:run(function()
      results = assert(env.rt:all { function() return create(one, "k") end,
        function() return create(two, "k") end })
    end)
    local low, high = results[1], results[2]
    if high.id < low.id or high.cancelled_own == nil then low, high = high, low end
    assert.equal(low.id, high.id)
    assert.is_true(high.adopted)
    assert.same({ high.cancelled_own }, high.duplicates)
    local kept = {}
    for _, row in ipairs(env:pipelines()) do
      if row.status ~= "canceled" then kept[#kept + 1] = row.id end
    end
    assert.same({ low.id }, kept)
  end)

  it("a second journal finds what was made before", function()
    local env = once_mock.open()
    local first = assert(create(env:client(), "k"))
    local second = assert(create(env:client(), "k"))
    assert.same({ first.id, true }, { second.id, second.adopted })
  end)

  it("a journal that is handed in has its keys to itself: no looks but in doubt", function()
    local env = once_mock.open()
    local gl = env:client()
    local journal = assert(require("gitlab_pipelines.once.journal").open ":memory:")
    assert(gl.projects:get(11))
    assert(create(gl, "run/step/1", nil, { journal = journal }))
    assert.equal(0, env:count("GET", "/pipelines"))
    assert.equal("known", journal:lookup("127.0.0.1/11 run/step/1").state)
    journal:close()
  end)
end)

describe("once, where variables cannot be read or set:", function()
  -- A developer who starts by another's trigger token cannot read what it made.
  local function unreadable(options)
    local env = once_mock.open(options)
    local gl = env:client { token = once_mock.DEVELOPER }
    return env, gl, function(key, fields, opts)
      local given = { token = once_mock.TRIGGER, ref = "main", once = key }
      for name, value in pairs(fields or {}) do given[name] = value end
      return gl.triggers:run(11, given, opts)
    end
  end

  it("sends again when there is no candidate at all", function()
    local env, _, run = unreadable()
    env:stranger() -- was there before
    env:fault { drop = true, times = 1 }
    local pipeline = assert(run "k")
    assert.is_nil(pipeline.adopted)
    assert.same({ pipeline.id }, env:made_for "k")
  end)

  it("leaves it to a person when there is one, who can adopt or send again", function()
    local env, _, run = unreadable()
    env:fault { apply_then_drop = true, times = 1 }
    local err = refused("UnknownOutcome", run "k")
    assert.same({ 1, true }, { #err.candidates, err.unknown_outcome })
    assert.matches("%f[%d]" .. err.candidates[1] .. "%f[%D]", tostring(err))
    refused("UnknownOutcome", run "k")
    local chosen = assert(run("k", { adopt = err.candidates[1] }))
    assert.same({ err.candidates[1], true }, { chosen.id, chosen.adopted })
    assert.equal(chosen.id, assert(run "k").id)
    refused("KeyReused", run("other", { adopt = chosen.id }))
    refused("KeyReused", run("k", { adopt = chosen.id + 1 }))
    refused("PipelineNotFound", run("another", { adopt = tostring(chosen.id + 100) }))
    env:fault { apply_then_drop = true, times = 1 }
    err = refused("UnknownOutcome", run "m")
    local again = assert(run("m", { send_again = true }))
    assert.is_nil(again.adopted)
    assert.is_true(again.id ~= err.candidates[1])
    assert.equal(again.id, assert(run("m", { send_again = true })).id)
  end)

  it("adopts a single candidate when told to, unless another key is open in the project", function()
    local env, _, run = unreadable()
    env:fault { apply_then_drop = true, times = 1 }
    assert.is_true(assert(run("k", { adopt = "single" })).adopted)
    env:fault { apply_then_drop = true, times = 1 }
    refused("UnknownOutcome", run("open", nil, { timeout = 10 }))
    env:fault { apply_then_drop = true, times = 1 }
    refused("UnknownOutcome", run("n", { adopt = "single" }))
  end)

  it("sends without our variable where the project takes none, and remembers it", function()
    local env = once_mock.open { project = { variables_role = "no_one_allowed" } }
    local gl = env:client()
    gl.client.once_journal = env:journal ":memory:"
    assert(create(gl, "a"))
    assert.equal(2, env:count("POST", "/pipeline"))
    assert.is_nil(env:last_body().variables)
    assert(create(gl, "b"))
    assert.equal(3, env:count("POST", "/pipeline"))
    refused("VariablesForbidden", create(gl, "c", { variables = { A = "1" } }))
    env.rt:run(function() env.rt:sleep(86401) end)
    assert(create(gl, "d"))
    assert.equal(6, env:count("POST", "/pipeline"))
  end)

  it("leaves a lost answer there to a person too, when somebody else made one", function()
    local env = once_mock.open { project = { variables_role = "no_one_allowed" } }
    local gl = env:client()
    assert(create(gl, "a"))
    env:stranger()
    env:fault { drop = true, times = 1 }
    assert.is_nil(assert(create(gl, "b")).adopted)
    env:fault { apply_then_drop = true, times = 1 }
    env.rt:after(5, function() env:stranger() end)
    local err = refused("UnknownOutcome", create(gl, "c"))
    assert.equal(2, #err.candidates)
  end)

  it("never claims an id twice nor another item's pipeline, for all items of an each", function()
    local faults = { {}, { drop = true }, { apply_then_drop = true }, { apply_late = 60 },
      { apply_late = 140 }, { status = 500, apply = true }, { status = 500 }, { status = 502 } }
    local seeds = require "support.seeds"
    for seed in seeds.each(200, 12) do
      seeds.named(seed, function()
        local random = seeds.new(seed)
        local env = once_mock.open { seed = seed, project = { variables_role = "no_one_allowed" } }
        local gl, rt = env:client(), env.rt
        env:lag(random.pick { 0, 20, 59 })
        local count = random.int(3, 6)
        for i = 1, count do
          local rule = { times = 1, after = i + 2 }
          for name, value in pairs(random.pick(faults)) do rule[name] = value end
          if next(rule, next(rule, next(rule))) then env:fault(rule) end
        end
        local adopt = random.chance(0.5) and "single" or nil
        local results, errs, list = {}, {}, {}
        for i = 1, count do
          list[i] = function()
            rt:sleep(random.int(0, 30))
            results[i], errs[i] = create(gl, "item " .. i, { ref = "item-" .. i, adopt = adopt })
            return true
          end
        end
        rt:run(function() rt:all(list, { limit = random.int(1, count) }) end)
        local owner = {}
        for i = 1, count do
          local pipeline = results[i]
          if pipeline then
            assert(pipeline.ref == "item-" .. i, "item " .. i .. " has " .. pipeline.ref)
            assert(not owner[pipeline.id], "claimed twice")
            owner[pipeline.id] = i
          else
            assert(errs[i].unknown_outcome or errs[i].retryable, tostring(errs[i]))
          end
        end
        local made = {}
        for _, row in ipairs(env:pipelines()) do
          assert(not made[row.ref], row.ref .. " has two pipelines")
          made[row.ref] = true
        end
      end)
    end
  end)
end)

describe("once, in random weather", function()
  local seeds = require "support.seeds"
  local faults = {}
  for _, doubt in ipairs(doubts) do faults[#faults + 1] = doubt[2] end

  -- Some keys from two clients of one journal and one that restarts; what happened, as text.
  local function weather(seed)
    local random = seeds.new(seed)
    local path, remove = process.file "once.db"
    local env = once_mock.open { seed = seed }
    local rt, lines = env.rt, {}
    local clients = { env:client { journal = path }, env:client { journal = path } }
    env:lag(random.pick { 0, 10, 59 })
    for _ = 1, random.int(1, 6) do
      local rule = { times = random.int(1, 2), after = random.int(0, 6) }
      for name, value in pairs(random.pick(faults)) do rule[name] = value end
      env:fault(rule)
    end
    local list = {}
    for i = 1, random.int(2, 7) do
      local key, client = "key " .. random.int(1, 4), random.int(1, 2)
      local timeout = random.pick { 30, 200, 330, 1000 }
      local pause = random.int(0, 60)
      list[i] = function()
        rt:sleep(pause)
        local start = rt:now()
        local pipeline, err = create(clients[client], key, nil, { timeout = timeout })
        local took = rt:now() - start
        assert(took <= timeout + 1e-3, ("%s took %.3f s of %d"):format(key, took, timeout))
        lines[#lines + 1] = ("%s %s %.3f"):format(key, pipeline and pipeline.id
          or err.kind .. " " .. (err.message:gsub("%(journal .*%)$", "")), took)
        return true
      end
    end
    rt:run(function() assert(rt:all(list)) end)
    local marks = {}
    for _, row in ipairs(env:pipelines()) do
      assert(row.mark and not marks[row.mark], "a key has two pipelines")
      marks[row.mark] = row.id
      lines[#lines + 1] = ("%d %s"):format(row.id, row.mark)
    end
    clients[1]:close()
    clients[2]:close()
    remove()
    return table.concat(lines, "\n")
  end

  it("no key ever has two pipelines, every call ends in time, and a seed repeats itself", function()
    for seed in seeds.each(1000, 25) do
      seeds.named(seed, function()
        local first = weather(seed)
        assert(first == weather(seed), "the second run differs")
      end)
    end
  end)
end)

local flow = require "gitlab_pipelines.flow"
local load = require "gitlab_pipelines.flow.load"

local function plan(text, inputs, opts)
  opts = opts or {}
  opts.inputs = inputs
  return load.script(text, "f.lua", opts)
end

-- Each row: what it is about, the script, and how the message goes on after "f.lua:".
local mistakes = {
  { "a global that is no step", "x = 5", "1: 'x' is not a step; write local x" },
  { "an output under a name of its own", "a = pipeline { project = 'g/p' }\nb = a.id",
    "2: 'b' is not a step but an output; write local b" },
  { "a secret under a name of its own", "a = secret 'X'",
    "1: 'a' is not a step but a secret; write local a" },
  { "a function under a global name", "function f() end",
    "1: 'f' is not a step; write local f" },
  { "a step that gets no name", "pipeline { project = 'g/p' }",
    "1: this pipeline is not assigned: give it a name, as in build = pipeline { ... }" },
  { "a step in a local only", "\nlocal a = pipeline { project = 'g/p' }",
    "2: this pipeline is not assigned: give it a name, as in build = pipeline { ... }" },
  { "a name given twice", "a = pipeline { project = 'g/p' }\na = pipeline { project = 'g/q' }",
    "2: 'a' is assigned twice, first at line 1" },
  { "a second name for a step", "a = pipeline { project = 'g/p' }\nb = a",
    "2: this step already has a name: a; write local b" },
  { "a word as a step", "each = pipeline { project = 'g/p' }",
    "1: 'each' is a reserved word of flow scripts and cannot name a step" },
  { "a library as a step", "string = pipeline { project = 'g/p' }",
    "1: 'string' is a reserved word of flow scripts and cannot name a step" },
  { "an option as a step", "timeout = pipeline { project = 'g/p' }",
    '1: timeout is an option of the flow and must be a time: seconds, or text such as "30m" or '
    .. '"1h30m", not this pipeline' },
  { "an option of the wrong kind", "on_failure = 'explode'", '1: on_failure is an option of the '
    .. 'flow and must be "stop", "continue" or "cancel", not "explode"' },
  { "an option set twice", "name = 'a'\nname = 'b'", "2: name is set twice" },
  { "a misspelt word", "a = pipelin { project = 'g/p' }",
    "1: 'pipelin' is not defined; did you mean 'pipeline'?" },
  { "a misspelt step", "lib = pipeline { project = 'g/p' }\nlocal x = lbi.id",
    "2: 'lbi' is not defined; did you mean 'lib'?" },
  { "a step that comes later", "local x = b.id\nb = pipeline { project = 'g/p' }",
    "1: 'b' is used before line 2 defines it" },
  { "a misspelt option of a word", "a = pipeline { project = 'g/p', variabels = {} }",
    "1: pipeline has no option 'variabels'; did you mean 'variables'?" },
  { "a missing option", "a = pipeline { ref = 'x' }", "1: pipeline: project is required" },
  { "a call without its table", "a = pipeline 'p'",
    "1: pipeline must be given a table: pipeline { ... }" },
  { "a wrong project", "a = pipeline { project = {} }",
    "1: pipeline: project must be a project's path or number, not a table" },
  { "a wrong time", "a = pipeline { project = 'g/p', timeout = 'soon' }", '1: pipeline: timeout '
    .. 'must be a time: seconds, or text such as "30m" or "1h30m", not "soon"' },
  { "a wrong when", "a = pipeline { project = 'g/p', when = 'later' }", '1: pipeline: when must be '
    .. '"success", "failure", "always" or a function, not "later"' },
  { "a name that no variable can have", "a = pipeline { project = 'g/p', variables = { ['a-b'] = '1' } }",
    '1: pipeline: variables: "a-b" cannot be a variable\'s name: '
    .. 'use letters, digits and _, starting with a letter or _' },
  { "a variable that is no text", "a = pipeline { project = 'g/p', variables = { A = {} } }",
    "1: pipeline: variables: A must be a string, not a table" },
  { "a step's option as a step", "retry = pipeline { project = 'g/p' }",
    "1: 'retry' is the name of an option and cannot name a step" },
  { "a token in the script", "a = pipeline { project = 'g/p', trigger_token = 'glptt-1' }",
    '1: pipeline: trigger_token must be secret "NAME": a token must not be written in a script, '
    .. 'not "glptt-1"' },
  { "a secret in a variable", "a = pipeline { project = 'g/p', variables = { T = secret 'X' } }",
    '1: secret "X" may be used only in trigger_token' },
  { "a whole step as a value", "a = pipeline { project = 'g/p' }\n"
    .. "b = pipeline { project = 'g/p', variables = { A = a } }",
    "2: a is a whole step, not a value: use one of its outputs, as in a.id" },
  { "a whole step in a text", "a = pipeline { project = 'g/p' }\nlocal t = 'x' .. a",
    "2: a is a whole step: join one of its outputs, as in a.id" },
  { "an output among needs", "a = pipeline { project = 'g/p' }\n"
    .. "b = pipeline { project = 'g/p', needs = { a.id } }", "2: needs must contain whole steps, not a.id" },
  { "a hole among needs", "b = pipeline { project = 'g/p', needs = { nil, 'x' } }",
    "1: needs has a hole: one of its entries is nil" },
  { "arithmetic on an output", "a = pipeline { project = 'g/p' }\n\nlocal n = a.id + 1",
    "3: a.id is known only when the flow runs: it cannot be added here" },
  { "the length of an output", "a = pipeline { project = 'g/p' }\nlocal n = #a.sha",
    "2: a.sha is known only when the flow runs: it cannot be measured here" },
  { "the order of outputs", "a = pipeline { project = 'g/p' }\nlocal n = a.id < a.iid",
    "2: a.id is known only when the flow runs: it cannot be compared here" },
  { "tostring of an output", "a = pipeline { project = 'g/p' }\nlocal n = tostring(a.id)",
    "2: a.id is known only when the flow runs: join it with `..`" },
  { "string.format of an output", "a = pipeline { project = 'g/p' }\nlocal n = ('%s'):format(a.id)",
    "2: a.id is known only when the flow runs: join it with `..`" },
  { "a call of an output", "a = pipeline { project = 'g/p' }\nlocal n = a.id()",
    "2: a.id is known only when the flow runs: it cannot be called" },
  { "a field given to an output", "a = pipeline { project = 'g/p' }\na.x = 1",
    "2: a cannot be given a field 'x'" },
  { "== on an output", "a = pipeline { project = 'g/p' }\nif a.status == 'success' then end",
    "2: a.status is known only when the flow runs: it cannot be compared with `==`; "
    .. "write when = function(steps) return ... end" },
  { "~= on an output", "a = pipeline { project = 'g/p' }\nlocal b = 'x' ~= a.status",
    "2: a.status is known only when the flow runs: it cannot be compared with `~=`; "
    .. "write when = function(steps) return ... end" },
  { "== of two outputs", "a = pipeline { project = 'g/p' }\nlocal b = a.id == a.iid",
    "2: a.id is known only when the flow runs: it cannot be compared with `==`; "
    .. "write when = function(steps) return ... end" },
  { "not on an output", "a = pipeline { project = 'g/p' }\nlocal b = not a.coverage",
    "2: a.coverage is known only when the flow runs: it cannot be tested with `not`; "
    .. "write when = function(steps) return ... end" },
  { "and on an output", "a = pipeline { project = 'g/p' }\nlocal b = a.coverage and 1",
    "2: a.coverage is known only when the flow runs: it cannot be tested with `and`; "
    .. "write when = function(steps) return ... end" },
  { "or on an output", "a = pipeline { project = 'g/p' }\nlocal b = a.coverage or 1",
    "2: a.coverage is known only when the flow runs: it cannot be tested with `or`; "
    .. "write when = function(steps) return ... end" },
  { "a bare test of an output", "a = pipeline { project = 'g/p' }\nwhile a.coverage do end",
    "2: a.coverage is known only when the flow runs: it cannot be tested with `while`; "
    .. "write when = function(steps) return ... end" },
  { "a test of a local that is an output", "a = pipeline { project = 'g/p' }\n"
    .. "local s = a.status\nif s then end",
    "3: a.status is known only when the flow runs: it cannot be tested with `if`; "
    .. "write when = function(steps) return ... end" },
  { "a test of a step made in a loop", "for _, n in ipairs { 'x' } do\n"
    .. "_G['b_' .. n] = pipeline { project = 'g/' .. n } end\nlocal t = b_x.id == 4",
    "3: b_x.id is known only when the flow runs: it cannot be compared with `==`; "
    .. "write when = function(steps) return ... end" },
  { "a misspelt output", "a = pipeline { project = 'g/p' }\nlocal n = a.statsu",
    "2: a has no field 'statsu'; did you mean 'status'?" },
  { "a misspelt field of a job", "a = pipeline { project = 'g/p' }\nlocal n = a.job('x').web_ulr",
    "2: a job has no field 'web_ulr'; did you mean 'web_url'?" },
  { "a job without its name", "a = pipeline { project = 'g/p' }\nlocal n = a.job.id",
    '2: a.job needs a job\'s name: a.job("deploy").id' },
  { "dotenv values where no file is named", "a = pipeline { project = 'g/p' }\nlocal n = a.dotenv.X",
    '2: a has no dotenv file: add dotenv = "build.env"' },
  { "a misspelt item", "s = each { over = { 'eu', 'us' }, make = function(r)\n"
    .. "  return pipeline { project = 'g/' .. r } end }\nlocal n = s.euu.id",
    "3: s has no item 'euu'; did you mean 'eu'?" },
  { "a mistake in make, where a tail call leaves no line", "s = each { over = { 1 },\n"
    .. "  make = function(r)\n    return pipeline { project = 'g/p', rf = 'x' }\n  end }",
    "2: pipeline has no option 'rf'; did you mean 'ref'?" },
  { "make that returns no step", "s = each { over = { 1 },\n  make = function() return 5 end }",
    "2: each: make must return a step of its own, such as pipeline {...}" },
  { "make that returns a step from outside", "a = pipeline { project = 'g/p' }\n"
    .. "s = each { over = { 1 }, make = function() return a end }",
    "2: each: make must return a step of its own, such as pipeline {...}" },
  { "a step left over in make", "s = each { over = { 1 }, make = function()\n"
    .. "  local x = pipeline { project = 'g/p' }\n  return pipeline { project = 'g/q' } end }",
    "2: this pipeline is neither returned nor assigned to a name" },
  { "each within each", "s = each { over = { 1 }, make = function()\n  return each { over = { 1 }, "
    .. "make = function() return pipeline { project = 'g/p' } end } end }",
    "1: an each cannot contain another each" },
  { "a mistake in a call of several lines", "a = pipeline {\n  project = 'g/p',\n  rf = 'x',\n}",
    "1: pipeline has no option 'rf'; did you mean 'ref'?" },
  { "an item that stands twice", "s = each { over = { 'a', 'a' }, make = function(r)\n"
    .. "return pipeline { project = 'g/' .. r } end }", "1: each: the item 'a' appears twice" },
  { "an output within a list", "a = pipeline { project = 'g/p' }\ns = each { over = { a.id }, "
    .. "make = function(r) return pipeline { project = 'g/' .. r } end }",
    "2: each: over must be plain values or one output, not a list that contains a.id" },
  { "wait_for with neither id nor ref", "w = wait_for { project = 'g/p', ref = 'x' }",
    "1: wait_for: give either id, or ref and sha" },
  { "play of something else", "w = approval {}\np = play { pipeline = w, job = 'x' }",
    "2: play: pipeline must be a pipeline step, not w" },
  { "needs that name no step", "a = pipeline { project = 'g/p', needs = { 'lob' } }\n"
    .. "lib = pipeline { project = 'g/p' }",
    "1: 'a' needs 'lob', which is not a step; did you mean 'lib'?" },
  { "needs in a circle", "a = pipeline { project = 'g/p', needs = { 'c' } }\n"
    .. "b = pipeline { project = 'g/p', needs = { a } }\nc = pipeline { project = 'g/p', needs = { b } }",
    "1: the steps' needs form a cycle: a needs c needs b needs a" },
  { "the host's libraries", "os.exit(1)",
    "1: os is not available to flow scripts without --allow-host" },
  { "an input before it is declared", "local v = input.v\ninputs = { v = {} }",
    "1: input.v is read before inputs = { ... } declares the inputs" },
  { "a misspelt input", "inputs = { version = {} }\nlocal v = input.vesrion",
    "2: there is no input 'vesrion'; did you mean 'version'?" },
  { "an input described wrongly", "inputs = { v = { requird = true } }",
    "1: input 'v': there is no field 'requird'; did you mean 'required'?" },
  { "an input of an unknown type", "inputs = { v = { type = 'int' } }",
    "1: input 'v': type must be \"string\", \"number\" or \"boolean\"" },
  { "a default of another type", "inputs = { v = { type = 'number', default = 'x' } }",
    "1: input 'v': the default must be a number" },
  { "a secret that is no text", "inputs = { pin = { type = 'number', secret = true } }",
    "1: input 'pin' is secret: its type must be \"string\"" },
  { "an assignment to an input", "inputs = { v = {} }\ninput.v = 'x'",
    "2: inputs cannot be assigned in a script; write local" },
  { "an assignment to the environment", "env.HOME = 'x'",
    "1: the environment cannot be changed; write local" },
  { "a mistake of plain Lua", "local t\n\nlocal x = t.y", "3: attempt to index" },
  { "an error that the script raises", "\nerror 'no canary on fridays'",
    "2: no canary on fridays" },
  { "a step's name with blanks", "_G['a b'] = pipeline { project = 'g/p' }",
    "1: 'a b' cannot be a step's name: use letters, digits, _, - and ., starting with a letter or _" },
}

describe("a flow script", function()
  for _, row in ipairs(mistakes) do
    it("is refused for " .. row[1], function()
      local made, err = plan(row[2])
      assert.is_nil(made)
      assert.equal("f.lua:" .. row[3], err.message:sub(1, #row[3] + 6))
      assert.equal("FlowError", err.category)
      assert.equal(tonumber(row[3]:match "^%d+"), err.line)
      assert.equal("f.lua", err.file)
    end)
  end

  it("is refused for its syntax when it is loaded", function()
    local made, err = flow.from_string("a = pipeline {\n", "dir/some.lua")
    assert.is_nil(made)
    assert.is_true(err:is "InvalidScript")
    assert.matches("^dir/some.lua:2: ", err.message)
    assert.error_matches(function() flow.load(5) end, "flow.load: the path must be a string")
    made, err = flow.load "/nowhere/x.lua"
    assert.is_nil(made)
    assert.matches("^/nowhere/x.lua: No such file", err.message)
  end)

  it("is never run as bytecode", function()
    assert.is_nil((flow.from_string(string.dump(function() end), "f.lua")))
  end)

  it("names long paths whole", function()
    local path = ("deep/"):rep(40) .. "f.lua"
    local _, err = load.script("x = 5", path)
    assert.equal(path .. ":1: 'x' is not a step; write local x", err.message)
  end)

  it("may be empty of everything but a step, with a byte order mark and a #! line", function()
    local made = assert(plan "\239\187\191#!/usr/bin/env gitlab-pipelines\na = call { run = print }")
    assert.equal(2, made.steps[1].line)
    assert.equal("f", made.name)
    local _, err = plan "local x = 1"
    assert.equal("f.lua: the flow has no steps", err.message)
  end)

  it("takes its needs from references and from needs, each once", function()
    local made = assert(plan [[
      a = pipeline { project = "g/p" }
      b = pipeline { project = "g/p" }
      c = pipeline { project = a.project_id, ref = "r-" .. b.sha, needs = { b },
        inputs = { deep = { list = { a.id, b.id } } } }]])
    assert.same({ "a", "b" }, made.by_name.c.needs)
  end)

  it("lets a choice between outputs be", function()
    local made, err = plan([[
      inputs = { canary = { type = "boolean" } }
      a = pipeline { project = "g/p" }
      b = pipeline { project = "g/p" }
      c = pipeline { project = "g/p", variables = { V = input.canary and a.id or b.id },
        when = function(steps)
          local a = steps.a
          return a.status == "success" and not (steps.b.status == "failed") end }
      local function f(a) return a == 1 or not a end
      f(1)]], { canary = true })
    assert.is_nil(err)
    assert.same({ "a" }, made.by_name.c.needs)
  end)

  it("knows every option of the manual's example", function()
    local made = assert(plan([[
      name   = "release"
      inputs = { version = { required = true, match = "^%d+%.%d+%.%d+$", help = "version" } }
      lib = pipeline { project = "acme/lib", ref = "main",
        variables = { VERSION = input.version }, dotenv = "build.env" }
      api = pipeline { project = "acme/api",
        variables = { LIB_PIPELINE = lib.id, LIB_BUILD = lib.dotenv.BUILD_ID } }
      web = pipeline { project = "acme/web", needs = { lib }, retry = 1, timeout = "30m" }
      smoke = each { over = { "eu", "us", "ap" }, limit = 2, needs = { api, web },
        make = function(region) return pipeline { project = "acme/smoke",
          variables = { REGION = region, API = api.sha } } end }
      approve = approval { needs = { smoke }, message = "ship " .. input.version .. "?" }
      deploy  = play { pipeline = api, job = "deploy", needs = { approve } }
      notify  = call { when = "always", needs = { deploy },
        run = function(steps, gl, step) print(steps.deploy.status) end }]],
      { version = "2.4.0" }))
    assert.equal("release", made.name)
    assert.same({ "lib", "api", "web", "smoke", "approve", "deploy", "notify" }, made.graph.order)
    assert.same({ "approve", "api" }, made.by_name.deploy.needs)
    assert.equal(1800, made.by_name.web.timeout)
  end)

  it("makes steps in loops, by computed names", function()
    local made = assert(plan [[
      for _, c in ipairs { "one", "two" } do _G["build_" .. c] = pipeline { project = "g/" .. c } end
      all = call { needs = { build_one, _G["build_two"] }, run = print }]])
    assert.same({ "build_one", "build_two" }, made.by_name.all.needs)
  end)

  it("cannot change anything outside of it", function()
    assert(plan "string.upper = nil\ntable.insert = nil\na = call { run = print }")
    assert.equal("A", ("a"):upper())
    assert.is_function(table.insert)
    local _, err = plan("a = call { run = print }\nlocal x = getmetatable")
    assert.matches("^f.lua:2: getmetatable is not available to flow scripts", err.message)
    assert.is_truthy(plan("local t = os.time()\na = call { run = print }", nil, { allow_host = true }))
  end)

  it("walks tables in one order", function()
    local text = [[local names = ""
      for k in pairs { z = 1, a = 2, m = 3, [2] = 1, [1] = 1 } do names = names .. k end
      a = pipeline { project = "g/" .. names .. tostring(next {}) }]]
    assert.equal("g/12amznil", assert(plan(text)).steps[1].options.project)
  end)

  it("reads the environment as plain values", function()
    local made = assert(plan("a = pipeline { project = env.P or 'g/none', ref = env.R or 'none' }", nil,
      { env = { P = "from/env" } }))
    assert.equal("from/env", made.steps[1].options.project)
    assert.equal("none", made.steps[1].options.ref)
  end)

  it("waits for everything before it when `when` is not success and needs are none", function()
    local made = assert(plan [[a = call { run = print }  b = call { run = print }
      undo = call { when = "failure", run = print }
      solo = call { when = "always", needs = { a }, run = print }]])
    assert.same({ "a", "b" }, made.by_name.undo.needs)
    assert.same({ "a" }, made.by_name.solo.needs)
  end)

  it("can be built by a function", function()
    local made = flow.build(function(w)
      w.name = "built"
      w.lib = w.pipeline { project = "acme/lib" }
      w.api = w.pipeline { project = "acme/api", variables = { L = w.lib.id } }
    end)
    local built = assert(made:plan())
    assert.equal("built", built.name)
    assert.same({ "lib" }, built.by_name.api.needs)
    local _, err = flow.build(function(w)
      w.a = w.pipeline { projekt = "x" }
    end):plan()
    assert.matches("load_spec.lua:%d+: pipeline has no option 'projekt'; did you mean 'project'%?",
      err.message)
  end)
end)

describe("inputs", function()
  local text = [[inputs = {
      version = { required = true, match = "^%d", help = "what to ship" },
      count = { type = "number", default = 3 },
      canary = { type = "boolean" },
      where = { one_of = { "eu", "us" }, default = "eu" },
      key = { secret = true, match = "^k" } }
    a = pipeline { project = "g/p", variables = { V = input.version } }]]

  local function values(inputs) return assert(plan(text, inputs)).inputs end
  local function message(inputs)
    local made, err = plan(text, inputs)
    assert.is_nil(made)
    assert.is_true(err:is "FlowError.InvalidInput")
    return err.message
  end

  it("are taken as text and become their type", function()
    assert.same({ version = "1", count = 4.5, canary = false, where = "us" },
      values { version = 1, count = "4.5", canary = "false", where = "us" })
    assert.same({ version = "1", count = 3, where = "eu" }, values { version = "1" })
  end)

  it("are refused with their name, what they must be, and where that stands", function()
    assert.equal("f.lua:1: input 'version' is required (what to ship); give it with "
      .. "-i version=...", message {})
    assert.equal("f.lua:1: input 'version' must match ^%d, and 'x' does not",
      message { version = "x" })
    assert.equal("f.lua:1: input 'count' must be a number, and 'many' is not",
      message { version = "1", count = "many" })
    assert.equal("f.lua:1: input 'where' must be one of eu, us, and 'mars' is not",
      message { version = "1", where = "mars" })
    assert.equal("f.lua:1: there is no input 'verison'; did you mean 'version'?; input 'version' "
      .. "is required (what to ship); give it with -i version=...", message { verison = "1" })
  end)

  it("that are secret never stand in a message", function()
    assert.equal("f.lua:1: input 'key' must match ^k, and its value does not",
      message { version = "1", key = "hunter2" })
    assert.equal("f.lua:1: input 'key' is secret: its value must have at least 4 characters, "
      .. "or it cannot be hidden",
      message { version = "1", key = "k1" })
  end)

  it("that are secret stand in variables and inputs only", function()
    local cases = {
      [ [[a = pipeline { project = "p/" .. input.key }]] ] = "pipeline: project",
      [ [[a = pipeline { project = "g/p", ref = input.key }]] ] = "pipeline: ref",
      [ [[b = pipeline { project = "g/p" }
        a = pipeline { project = "g/p", ref = b.sha .. input.key }]] ] = "pipeline: ref",
      [ [[a = each { over = { input.key }, make = function()
        return pipeline { project = "g/p" } end }]] ] = "each: an item's name",
      [ [[_G["s" .. input.key] = pipeline { project = "g/p" }]] ] = "a step's name",
    }
    for script, what in pairs(cases) do
      local found, err = plan("inputs = { key = { secret = true } }\n" .. script, { key = "s3cr3t" })
      assert.is_nil(found, script)
      assert.matches(what .. " would show the secret input 'key': only variables and inputs",
        err.message, 1, true)
    end
    assert(plan([[inputs = { key = { secret = true } }
      a = pipeline { project = "g/p", variables = { K = input.key }, inputs = { k = { input.key } } }]],
      { key = "s3cr3t" }))
  end)

  it("can be listed without any being given", function()
    local declared = assert(assert(flow.from_string(text, "f.lua")):inputs())
    assert.is_true(declared.version.required)
    assert.equal("what to ship", declared.version.help)
    assert.same({}, assert(flow.from_string("a = call { run = print }")):inputs())
  end)

  it("are refused where the script has none", function()
    local _, err = plan("a = call { run = print }", { x = "1" })
    assert.equal("f.lua: there is no input 'x'", err.message)
  end)
end)

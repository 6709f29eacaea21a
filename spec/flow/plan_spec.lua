local flow = require "gitlab_pipelines.flow"
local json = require "gitlab_pipelines.json"
local plan = require "gitlab_pipelines.flow.plan"

local SCRIPT = [[
name = "ship"
inputs = { key = { secret = true }, v = { default = "1" } }
lib = pipeline { project = "acme/lib", ref = "main", variables = { V = input.v, K = "k:" .. input.key } }
api = pipeline { project = "acme/api", variables = { L = lib.id, T = "v-" .. lib.sha }, retry = 2,
  trigger_token = secret "DEPLOY" }
smoke = each { over = { "eu", "us" }, limit = 1, needs = { api }, make = function(r)
  return pipeline { project = "acme/smoke", variables = { R = r } } end }
ok = approval { needs = { smoke }, message = "ship " .. api.id .. "?" }
out = play { pipeline = api, job = "deploy", needs = { ok }, timeout = "5m" }
bye = call { when = "always", needs = { out }, run = print }
]]

local function made()
  return assert(assert(flow.from_string(SCRIPT, "ship.lua")):plan { inputs = { key = "s3cr3t" } })
end

describe("a plan", function()
  it("is a tree with the calls that will be made", function()
    assert.equal([[
ship: 6 steps, 4 pipelines
input key = [secret]
input v = 1
lib                 POST /projects/acme%2Flib/pipeline  ref main  K=k:[secret] V=1
└─ api              POST /projects/acme%2Fapi/trigger/pipeline  L=<lib.id> T=v-<lib.sha>  (2 more attempts)
   └─ smoke         each of 2  (1 at once)
      ├─ eu         POST /projects/acme%2Fsmoke/pipeline  R=eu
      ├─ us         POST /projects/acme%2Fsmoke/pipeline  R=us
      └─ ok         waits for a person: ship <api.id>?
         └─ out     POST /projects/acme%2Fapi/jobs/:job_id/play  job deploy  (at most 5m00s)
            └─ bye  a function, ship.lua:10  (always)
]], plan.render(made(), "tree"))
  end)

  it("tells the expected time along the longest way, when every step's is known", function()
    local times = { lib = 60, api = 30, smoke = 10, ok = 0, out = 5, bye = 1 }
    assert.matches("^ship: 6 steps, 4 pipelines, about 1m46s\n", plan.render(made(), "tree",
      { times = times }))
    times.api = nil
    assert.is_nil(plan.data(made(), { times = times }).expected_seconds)
  end)

  it("never holds a secret, in any format", function()
    for _, format in ipairs(plan.formats) do
      assert.is_nil(plan.render(made(), format):find("s3cr3t", 1, true))
    end
  end)

  it("is JSON with everything a program needs", function()
    local data = assert(json.decode(plan.render(made(), "json")))
    assert.same({ "lib", "api", "smoke", "ok", "out", "bye" }, { data.steps[1].name,
      data.steps[2].name, data.steps[3].name, data.steps[4].name, data.steps[5].name,
      data.steps[6].name })
    assert.same({ method = "POST", path = "/projects/acme%2Flib/pipeline", ref = "main",
      variables = { V = "1", K = "k:[secret]" } }, data.steps[1].call)
    assert.equal("smoke/eu", data.steps[3].items[1].name)
    assert.equal("always", data.steps[6].when)
  end)

  it("is a picture whose texts cannot end it, and a tree that no terminal obeys", function()
    local function named(name)
      local script = ("name = %q\nlib = pipeline { project = 1, ref = 'a\\27[2J\\194\\155b' }\n"):format(name)
      return assert(assert(flow.from_string(script, "x.lua")):plan {})
    end
    local evil = named 'a"; x -> y; "\\\n<b>#\27]0;t\7'
    local dot = plan.render(evil, "dot")
    assert.matches('^digraph "a\\"; x %-> y; \\"\\\\%?<b>#%?]0;t%?" {\n', dot)
    for _, format in ipairs { "tree", "dot", "mermaid" } do
      local text = plan.render(evil, format)
      assert.is_nil(text:find "[%z\1-\8\11-\31\127]", text)
      assert.is_nil(text:find("\194\155", 1, true))
    end
  end)

  it("is a picture in dot and in mermaid", function()
    local text = plan.render(made(), "dot")
    assert.matches('^digraph "ship" {\n', text)
    assert.is_truthy(text:find('  "lib" -> "api";', 1, true))
    assert.is_truthy(text:find('  "out" -> "bye" [style = dashed];', 1, true))
    text = plan.render(made(), "mermaid")
    assert.matches("^flowchart LR\n  s1%[\"lib\"%]\n", text)
    assert.is_truthy(text:find("  s5 -.-> s6\n", 1, true))
  end)

  it("is ASCII when asked to be", function()
    assert.is_nil(plan.render(made(), "tree", { unicode = false }):find "[\128-\255]")
  end)

  it("refuses other formats by name", function()
    assert.has_error(function() plan.render(made(), "png") end,
      "plan.render: the format must be one of tree, dot, mermaid, json")
  end)
end)

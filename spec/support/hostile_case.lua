-- Runs one script of hostile_scripts.lua in a process of its own and prints what became of it:
-- "RESULT ending seconds peak message". Usage: hostile_case.lua NUMBER FOLDER
local number, folder = ...
package.path = "spec/?.lua;" .. package.path
local case = require "support.hostile_scripts"[tonumber(number)]

local function peak()
  for line in io.lines "/proc/self/status" do
    local kilobytes = line:match "^VmHWM:%s*(%d+)"
    if kilobytes then return tonumber(kilobytes) / 1024 end
  end
end

local step = '\nz = pipeline { project = "acme/a", ref = "main" }'
local texts = {
  script = "%s" .. step,
  call = "c = call { run = function(steps, gl, step)\n%s\nend }",
  when = "a = call { run = function() end }\n"
    .. 'b = pipeline { project = "acme/a", ref = "main", needs = { a }, when = function(steps)\n%s\nend }',
  make = 'e = each { over = { "x" }, make = function(item)\n%s\n'
    .. 'return pipeline { project = "acme/a", ref = "main" } end }',
  ["late make"] = 'l = call { run = function() return { list = { "x" } } end }\n'
    .. "e = each { over = l.list, make = function(item)\n%s\n"
    .. 'return pipeline { project = "acme/a", ref = "main" } end }',
}

local BUDGETS = { seconds = 2, call_seconds = 2 }
local clock = require("gitlab_pipelines.core").clock
local began = clock.now()

local function told(err)
  local message = type(err) == "table" and err.message or tostring(err)
  local spent = message:find("ran longer than", 1, true) or message:find("took more than", 1, true)
    or message:find("of memory", 1, true)
  io.stdout:write(("RESULT\t%s\t%.2f\t%.1f\t%s\n"):format(err == nil and "fine" or spent and "spent" or "error",
    clock.now() - began, peak(), err == nil and "" or message))
end

local function run_world()
  local text, message = require("gitlab_pipelines.mock.world").parse(case.text, "hostile.lua")
  told(not text and message or nil)
end

local function client()
  local gitlab = require "gitlab_pipelines"
  local world = { projects = { ["acme/a"] = { id = 1,
    jobs = { { name = "build", stage = "build", duration = 1, log = "one\ntwo\n",
      artifacts = { x = "y" } } } } } }
  local transport = assert(gitlab.mock.new { world = world, token = os.getenv "GITLAB_TOKEN" })
  local gl = assert(gitlab.new { transport = transport, runtime = gitlab.runtime.virtual.new { seed = 1 },
    token = os.getenv "GITLAB_TOKEN", url = "http://127.0.0.1" })
  assert(gl.pipelines:create("acme/a", { ref = "main" }))
  gl.runtime:sleep(60)
  return gl
end

local function run_flow()
  local flow = require "gitlab_pipelines.flow"
  local text = texts[case.where]:gsub("%%s", (case.text:gsub("%%", "%%%%")), 1)
  local made, err = flow.from_string(text, "hostile.lua")
  if not made then return told(err) end
  if case.where == "script" or case.where == "make" then
    local plan
    plan, err = made:plan { budgets = BUDGETS }
    for _, line in ipairs(plan and plan.session.printed or {}) do print(line) end
    return told(err)
  end
  local gl = client()
  began = clock.now()
  local run = assert(made:start { client = gl, budgets = BUDGETS, output = folder .. "/out",
    on_event = function(event) if event.type == "print" then io.stdout:write(event.text:sub(1, 200), "\n") end end })
  gl.runtime:run(function()
    local ok
    ok, err = run:wait()
    if ok then err = nil end
  end)
  told(err)
end

if case.where == "world" then run_world() else run_flow() end

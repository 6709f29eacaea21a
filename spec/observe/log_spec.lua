local core = require "gitlab_pipelines.core"
local errors = require "gitlab_pipelines.errors"
local log = require "gitlab_pipelines.observe.log"
local redact = require "gitlab_pipelines.observe.redact"

-- A log that keeps its lines.
local function kept(given)
  local lines = {}
  given = given or {}
  given.sink = { write = function(_, line) lines[#lines + 1] = line end }
  return log.new(given), lines
end

describe("log", function()
  it("writes one line an entry, its fields by name", function()
    local l, lines = kept()
    l:info("pipeline changed", { status = "success", pipeline = 17, elapsed = 1.5, ok = true })
    assert.same({ 'level=info message="pipeline changed" elapsed=1.5 ok=true pipeline=17 '
      .. "status=success\n" }, lines)
  end)

  it("keeps an entry on its line, whatever stands in it", function()
    local l, lines = kept()
    l:warn("two\nlines", { a = "x y", b = "", c = 'q"q', d = "k=v", e = "t\tr\0", ["f g"] = "ü" })
    assert.same({ [[level=warn message="two\nlines" a="x y" b="" c="q\"q" d="k=v" ]]
      .. [[e="t\tr\u0000" f_g=ü]] .. "\n" }, lines)
  end)

  it("writes numbers the same on every Lua", function()
    local l, lines = kept()
    l:info("m", { a = 17.0, b = 2 ^ 31, c = -3, d = 0.25 })
    assert.same({ 'level=info message="m" a=17 b=2147483648 c=-3 d=0.25\n' }, lines)
  end)

  it("leaves out what is less urgent than its level", function()
    for i, level in ipairs(log.levels) do
      local l, lines = kept { level = level }
      for k, other in ipairs(log.levels) do
        l[other](l, "m")
        assert.equal(k <= i, l:enabled(other))
      end
      assert.equal(i, #lines)
    end
    local l, lines = kept()
    l:debug "m"
    l:write("info", "m")
    assert.equal(1, #lines)
  end)

  it("writes nothing without a sink", function()
    local l = log.new()
    assert.is_false(l:enabled "error")
    l:error "m"
  end)

  it("redacts messages, fields and names alike", function()
    local redactor = redact.new():add "s3kr1tToken99"
    local l, lines = kept { redactor = redactor }
    l:error("failed with s3kr1tToken99", {
      url = "https://u:p@h/x?private_token=abc", note = "s3kr1tToken99",
      token = core.secret.new "another-secret",
      err = errors.new("NetworkError.Timeout", { message = "s3kr1tToken99 late", subject = "a/b 1",
        operation = "pipelines.get" }),
    })
    assert.same({ 'level=error message="failed with [secret]" '
      .. 'err="NetworkError.Timeout: [secret] late" note=[secret] token=[secret] '
      .. 'url="https://[secret]@h/x?private_token=[secret]"\n' }, lines)
  end)

  it("shows projects as digests unless asked for their names", function()
    local fields = { project = "acme/app", project_id = 17, subject = "acme/app 5",
      path = "/projects/acme%2Fapp/pipelines/5" }
    local digest = redact.project "acme/app"
    local l, lines = kept()
    l:info("GET /projects/acme%2Fapp", fields)
    assert.same({ ('level=info message="GET /projects/%s" path=/projects/%s/pipelines/5 project=%s '
      .. 'project_id=%s subject="%s 5"\n'):format(digest, digest, digest, redact.project(17),
      digest) }, lines)
    l, lines = kept { names = true }
    l:info("GET /projects/acme%2Fapp", fields)
    assert.same({ 'level=info message="GET /projects/acme%2Fapp" '
      .. 'path=/projects/acme%2Fapp/pipelines/5 project=acme/app project_id=17 '
      .. 'subject="acme/app 5"\n' }, lines)
  end)

  it("gives a function the cleaned entry", function()
    local got
    local l = log.new { sink = function(...) got = { ... } end }
    l:info("token=abc", { n = 1, s = "glpat-x1" })
    assert.same({ "info", "token=[secret]", { n = "1", s = "[secret]" } }, got)
  end)

  it("harms no caller when its sink fails", function()
    log.new { sink = function() error "full" end }:error "m"
    log.new { sink = { write = function() error "full" end } }:error "m"
  end)

  it("carries fixed fields", function()
    local l, lines = kept()
    local child = l:with { run = "r1", step = "a" }:with { step = "b" }
    child:info("m", { x = 1 })
    child:info("m", { step = "c" })
    l:info "m"
    assert.same({ 'level=info message="m" run=r1 step=b x=1\n',
      'level=info message="m" run=r1 step=c\n', 'level=info message="m"\n' }, lines)
  end)

  it("begins with the time where it is told one", function()
    local l, lines = kept { now = function() return 1470914914.085 end }
    l:info "m"
    assert.same({ 'time=2016-08-11T11:28:34.085Z level=info message="m"\n' }, lines)
  end)

  it("appends to a file", function()
    local name = os.tmpname()
    for _ = 1, 2 do log.new { sink = name }:info "m" end
    local file = assert(io.open(name))
    assert.equal('level=info message="m"\nlevel=info message="m"\n', file:read "*a")
    file:close()
    os.remove(name)
    local l, message = log.new { sink = "/nonexistent/folder/log" }
    assert.is_nil(l)
    assert.is_string(message)
    assert.equal(io.stderr, log.new { sink = "stderr" }.sink)
  end)

  it("names a mistake of the programmer", function()
    assert.has_error(function() log.new { level = "loud" } end)
    assert.has_error(function() log.new { colour = true } end)
    assert.has_error(function() kept():write("loud", "m") end)
  end)
end)

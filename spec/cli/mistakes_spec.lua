-- Wrong input to the command, each time as a process of its own: one clear line on stderr, nothing
-- on stdout, and the promised exit code.

local httpd = require "support.httpd"
local process = require "support.process"

local TOKEN = "spec-token-0123456789"

local WORLD = [[projects = { ["p/app"] = { id = 1, refs = { "main" }, queued = 0,
  jobs = { { name = "job", stage = "test", duration = 0.1 } } } }]]

-- Words of the command line, its exit code, and what the line says.
local mistakes = {
  { "list", 2, "which project? name it with -p GROUP/NAME or -p ID" },
  { "list -p p//app", 2, "ConfigurationError.InvalidProjectId" },
  { "list -p p/none", 6, "AccessError.ProjectNotFound: 404 Project Not Found (pipelines.list p/none)" },
  { "list -p p/app -n 0", 2, "'0' is not a whole number from 1 on" },
  { "list -p p/app -n 1.5", 2, "'1.5' is not a whole number from 1 on" },
  { "list -p p/app --status odd", 6, "RequestError.BadRequest" },
  { "list -p p/app --bogus", 2, "unknown option '--bogus'" },
  { "show -p p/app", 2, "missing argument 'pipeline'" },
  { "show -p p/app x", 2, "'x' is not an id" },
  { "show -p p/app 99", 6, "AccessError.PipelineNotFound: 404 Not found (pipelines.get p/app 99)" },
  { "jobs -p p/app x", 2, "'x' is not an id" },
  { "logs -p p/app 99", 6, "AccessError.JobNotFound" },
  { "logs -p p/app 1 -f --tail 3", 2, "--tail does not go with -f" },
  { "logs -p p/app 1 -f --search x", 2, "--search does not go with -f" },
  { "logs -p p/app 1 --search x --from 2", 2, "--from does not go with --search" },
  { "logs -p p/app 1 -o x --section y", 2, "--section does not go with -o" },
  { "logs -p p/app 1 --timeout 5", 2, "--timeout does not go with a log that is printed" },
  { "logs -p p/app 1 --tail 0", 2, "'0' is not a whole number from 1 on" },
  { "cancel -p p/app 99", 6, "AccessError.PipelineNotFound" },
  { "wait -p p/app 99", 6, "AccessError.PipelineNotFound" },
  { "wait -p p/app 99 --timeout soon", 2, "--timeout wants a duration such as 90s" },
  { "wait -p p/app 99 --on-manual maybe", 2, "must be one of 'block', 'play', 'ignore'" },
  { "trigger -p p/app -r none", 6, "PipelineError.InvalidRef: Reference not found" },
  { "trigger -p p/none", 6, "AccessError.ProjectNotFound" },
  { "trigger -p p/app -r main -v A", 2, "-v wants KEY=VALUE, not 'A'" },
  { "trigger -p p/app -r main -v 1A=b", 2, "PipelineError.InvalidVariable" },
  { "trigger -p p/app -r main --input 'a:={'", 2, "--input a: not JSON" },
  { "trigger -p p/app -r main --trigger-token NONE", 2, "no secret is named NONE" },
  { "trigger -p p/app -r main --secrets-file /nonexistent", 2, "secrets file /nonexistent" },
  { "trigger -p p/app -r main --token-file /nonexistent", 2, "cannot read --token-file /nonexistent" },
  { "trigger -p p/app -r main --token-file /dev/null", 2, "holds no token" },
  { "list -p p/app --url nonsense", 2, "ConfigurationError.InvalidBaseUrl" },
  { "list -p p/app --url http://10.0.0.1", 2, "a token is not sent over plain http://" },
  { "run", 2, "missing argument 'flow'" },
  { "run /nonexistent.lua", 2, "FlowError.InvalidScript: /nonexistent.lua: No such file" },
  { "run /tmp", 2, "FlowError.InvalidScript: /tmp: cannot be read" },
  { "run FLOW -i v", 2, "-i wants NAME=VALUE, not 'v'" },
  { "run FLOW -i vv=1", 2, "there is no input 'vv'; did you mean 'v'?" },
  { "run FLOW --journal /dev/full", 6, "FlowError.JournalUnusable: /dev/full" },
  { "run FLOW --journal /etc/passwd", 6, "JournalUnusable: /etc/passwd: file is not a database" },
  { "run FLOW --resume none", 6, "the journal has no run 'none'" },
  { "run FLOW --report /nonexistent/r.html", 2, "cannot write --report /nonexistent/r.html" },
  { "run FLOW --simulate /nonexistent", 2, "cannot read the world: /nonexistent" },
  { "run FLOW --simulate", 2, "--simulate needs a world" },
  { "plan FLOW --format odd", 2, "must be one of 'tree', 'dot', 'mermaid', 'json'" },
  { "nonsense", 2, "unknown command 'nonsense'" },
  { "version x", 2, "too many arguments" },
  { "mock", 2, "a command is required" },
  { "mock serve --port 65536", 2, "--port is at most 65535" },
  { "mock serve --port 0 --db /dev/full", 6, "cannot use the database /dev/full: not a regular file" },
}

describe("the command, used wrongly,", function()
  local server, folder, remove

  local function write(name, text)
    local file = assert(io.open(folder .. name, "w"))
    file:write(text)
    file:close()
  end

  local function read(name)
    local file = assert(io.open(folder .. name))
    local text = file:read "*a"
    file:close()
    return text
  end

  setup(function()
    local path
    path, remove = process.file "flow.lua"
    folder = path:match "^.*/"
    write("flow.lua", 'inputs = { v = {} }\na = pipeline { project = "p/app" }\n')
    write("world.lua", WORLD)
    server = httpd.start({ httpd.lua, "bin/gitlab-pipelines", "mock", "serve", "--port", "0", "--db",
      ":memory:", "--world", folder .. "world.lua" }, { MOCK_TOKEN = TOKEN })
  end)
  teardown(function()
    server:stop()
    remove()
  end)

  -- Exit code, stdout, stderr.
  local function run(words, token)
    local line = ("root=$PWD; cd %s && XDG_STATE_HOME=%s GITLAB_TOKEN=%s GITLAB_URL=%s %s"
      .. " \"$root/bin/gitlab-pipelines\" %s >out 2>err </dev/null; echo $?"):format(folder, folder,
      token or TOKEN, server.url, httpd.lua, (words:gsub("FLOW", "flow.lua")))
    local pipe = assert(io.popen(line))
    local code = pipe:read "*n"
    pipe:close()
    return code, read "out", read "err"
  end

  for _, mistake in ipairs(mistakes) do
    local words, code, says = mistake[1], mistake[2], mistake[3]
    it(("says so in one line: %s"):format(words), function()
      local got, out, err = run(words)
      assert.same({ code, "" }, { got, out }, err)
      assert.matches("^gitlab%-pipelines: [^\n]+\n$", err)
      assert.truthy(err:find(says, 1, true), err)
      assert.is_nil(err:find("bin/gitlab-pipelines:", 1, true), err)
    end)
  end

  it("says that the token is wrong or that there is none", function()
    local code, _, err = run("list -p p/app", "wrong-token-0123")
    assert.same({ 6, "gitlab-pipelines: AuthenticationError.InvalidToken: 401 Unauthorized "
      .. "(pipelines.list p/app)\n" }, { code, err })
    code, _, err = run("list -p p/app", "''")
    assert.equal(6, code)
    assert.matches("no token was given: set GITLAB_TOKEN", err)
  end)

  it("says each status of a pipeline once when it makes one and waits", function()
    local code, out, err = run "trigger -p p/app -r main --wait"
    assert.same({ 0, "" }, { code, err })
    local seen = {}
    for status in out:gmatch "pipeline %d+  (%a+)" do
      assert.is_nil(seen[status], out)
      seen[status] = true
    end
    assert.is_true(seen.created and seen.success)
  end)
end)

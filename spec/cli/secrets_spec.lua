-- What the command shows of a token when the server sends it back in every field and header, written in
-- every way: nothing, on stdout, on stderr, in its log, its events, its report and its journal.

local core = require "gitlab_pipelines.core"
local httpd = require "spec.support.httpd"

-- Without a prefix of GitLab's, so that only what is known of it takes it out.
local TOKEN = "sekr/et+tok=en9~zq5"

local server, folder

local function without(text, pattern) return (text:gsub(pattern, "")) end

-- Everything in which a token could be recognized, with what may interrupt it taken out.
local function joined(text)
  text = without(text, "%d%d%d%d%-%d%d%-%d%dT[%d:.]+Z 00O ")
  for _, escaped in ipairs { "\\u001b%[[%d;]*[mK]", "\\u%x%x%x%x", "\\[nrbt]" } do text = without(text, escaped) end
  text = without(text, "\27%[[%d;]*[mK]")
  text = without(text, "[%c\127]")
  return without(text, "\226\128\139")
end

local function encodings()
  local function percent(format)
    return (TOKEN:gsub(".", function(c) return format:format(c:byte()) end))
  end
  local list = { TOKEN, core.uri.segment(TOKEN), core.uri.form(TOKEN), percent "%%%02X", percent "\\u%04x",
    TOKEN:gsub("/", "\\/"), core.digest.hex(TOKEN), core.digest.hex(TOKEN):upper() }
  for before = 0, 2 do
    local plain = core.digest.base64(("x"):rep(before) .. TOKEN .. "yy")
    -- What the token alone decides, and a little less.
    list[#list + 1] = plain:sub(5, 20)
    list[#list + 1] = (plain:sub(5, 20):gsub("%+", "-"):gsub("/", "_"))
  end
  -- Of a token that goes on in the next line, the first three bytes may be left.
  list[#list + 1] = TOKEN:sub(4)
  return list
end

local function leak(text)
  local whole = joined(text)
  for _, form in ipairs(encodings()) do
    local at = text:find(form, 1, true)
    if at then return ("%q in %q"):format(form, text:sub(math.max(1, at - 60), at + 80)) end
    at = whole:find(form, 1, true)
    if at then return ("%q joined in %q"):format(form, whole:sub(math.max(1, at - 60), at + 80)) end
  end
end

local function run(how, words, columns)
  local line = ("env -u CI_JOB_TOKEN -u CI_PROJECT_ID -u NO_COLOR TERM=xterm LANG=C.UTF-8 "
    .. "GITLAB_URL=%s/%s GITLAB_TOKEN=%s XDG_STATE_HOME=%s "):format(server.url, how, httpd.quote(TOKEN), folder)
  if columns then line = line .. "/usr/bin/python3 spec/support/on_terminal.py " .. columns .. " " end
  line = line .. httpd.lua .. " bin/gitlab-pipelines"
  for _, word in ipairs(words) do line = line .. " " .. httpd.quote(word) end
  local pipe = io.popen("timeout 60 " .. line .. " 2>&1 </dev/null")
  local text = pipe:read "*a"
  pipe:close()
  return text
end

local COMMANDS = {
  { "list" }, { "show", "101" }, { "jobs", "101" }, { "jobs" }, { "wait", "101", "--timeout", "5" },
  { "trigger", "-r", "main" }, { "trigger", "-r", "main", "--wait", "--timeout", "5" },
  { "cancel", "101" }, { "retry", "101" }, { "play", "201" }, { "delete", "101", "--yes" },
  { "logs", "201" }, { "logs", "201", "--format", "raw" }, { "logs", "201", "--format", "ansi" },
  { "logs", "201", "--format", "html" }, { "logs", "201", "--tail", "20" },
  { "logs", "201", "--search", ".", "-C", "2" }, { "logs", "-f", "201", "--timeout", "5" },
  { "logs", "-f", "--pipeline", "101", "--timeout", "5" },
  { "artifacts", "list", "201" }, { "environments" }, { "token" },
  { "artifacts", "extract", "201", "$FOLDER/out" },
}

-- With GP_FULL=1 all of it, else what is unlike each other and quick.
local FULL = os.getenv "GP_FULL" == "1"
local QUICK = { ["list"] = true, ["show 101"] = true, ["trigger -r main"] = true, ["logs 201"] = true,
  ["logs 201 --format html"] = true, ["logs 201 --search . -C 2"] = true }

-- The answers that are no success look alike to every command; one that retries is slow.
local REFUSALS = FULL and { "refused", "long", "broken", "moved" } or { "refused", "long" }

describe("a token that a server sends back", function()
  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder))
    server = httpd.start { "/usr/bin/python3", "spec/support/echo_gitlab.py" }
  end)

  teardown(function()
    server:stop()
    os.execute("rm -rf " .. folder)
  end)

  local function check(how, words, columns)
    local full = {}
    for i, word in ipairs(words) do full[i] = (word:gsub("%$FOLDER", folder)) end
    if words[1] ~= "token" and words[1] ~= "run" then full[#full + 1] = "--project=11" end
    local text = run(how, full, columns)
    local found = leak(text)
    assert.is_nil(found, how .. ": " .. table.concat(full, " "))
    return text
  end

  for _, words in ipairs(COMMANDS) do
    if FULL or QUICK[table.concat(words, " ")] then it("is not shown by: " .. table.concat(words, " "), function()
      local text = check("ok", words)
      assert.is_truthy(text:find("[secret]", 1, true) or words[1] == "delete" or words[2] == "extract", text)
      if not FULL then return end
      local more = {}
      for i, word in ipairs(words) do more[i] = word end
      more[#more + 1] = "--json"
      check("ok", more)
      more[#more] = "--verbose"
      check("ok", more)
    end) end
  end

  it("is not shown in what a terminal is cut to", function()
    for _, columns in ipairs(FULL and { 20, 37, 80, 300 } or { 37 }) do
      check("ok", { "list" }, columns)
      check("ok", { "jobs", "101" }, columns)
    end
    check("ok", { "show", "101" }, 80)
    check("ok", { "logs", "201" }, 80)
    check("ok", { "logs", "201", "--format", "raw" }, 80)
  end)

  it("is in no error", function()
    for _, how in ipairs(REFUSALS) do
      for _, words in ipairs { { "list" }, { "trigger", "-r", "main" }, { "logs", "201" }, { "logs", "-f", "201" },
        { "artifacts", "list", "201" }, { "artifacts", "get", "201", "$FOLDER/got" }, { "token" },
        { "list", "--json", "--verbose" } } do
        check(how, words)
      end
    end
  end)

  it("is in no event, report or journal of a run", function()
    local script = folder .. "/flow.lua"
    local file = assert(io.open(script, "w"))
    file:write('name = "echo"\n' .. 'lib = pipeline { project = 11, ref = "main" }\n'
      .. 'app = pipeline { project = 11, ref = lib.ref, when = "always", variables = { A = lib.name } }\n')
    file:close()
    local report, journal = folder .. "/report.html", folder .. "/runs.db"
    check("ok", { "run", script, "--report", report, "--journal", journal })
    if FULL then check("ok", { "run", script, "--json", "--journal", folder .. "/other.db" }) end
    if FULL then check("ok", { "run", script, "--journal", folder .. "/third.db" }, 80) end
    for _, path in ipairs { report, journal, journal .. "-wal", folder .. "/other.db" } do
      local written = io.open(path, "rb")
      if written then
        local found = leak(written:read "*a")
        written:close()
        assert.is_nil(found, path)
      end
    end
  end)
end)

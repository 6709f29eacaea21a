-- The pages in headless Chromium, where there is one; screenshots go to build/pages.
local httpd = require "support.httpd"

local TOKEN = "spec-token-0123456789"

local function succeeds(command)
  local ok = os.execute(command .. " >/dev/null 2>&1")
  return ok == true or ok == 0
end

-- `make pages` takes no excuse.
local wanted = os.getenv "GP_PAGES"
local has_browser = wanted or succeeds "command -v chromium"
local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end
local has_assets = wanted or exists "build/docs-assets/swagger-ui-bundle.js"
  and exists "build/docs-assets/redoc.standalone.js"

local function look(pages, environment)
  environment.MOCK_TOKEN = TOKEN
  local server = httpd.start({ httpd.lua, "bin/gitlab-pipelines", "mock", "serve", "--port", "0", "--db",
    ":memory:" }, environment)
  os.execute "mkdir -p build/pages"
  local pipe = assert(io.popen(("/usr/bin/python3 spec/support/pages.py %s %s build/pages %s 2>&1"):format(
    server.url, TOKEN, pages)))
  local seen = pipe:read "*a"
  pipe:close()
  server:stop()
  return seen
end

describe("the pages of mock serve, in a browser,", function()
  if _VERSION ~= "Lua 5.4" then
    it("are checked under Lua 5.4: they are the same under every Lua", function()
      assert.not_equal("Lua 5.4", _VERSION)
    end)
    return
  end

  if not has_browser then
    it("are not checked: chromium is not installed", function() assert.is_false(has_browser) end)
    return
  end

  it("control the simulation from /_mock/ with the token, without other origins", function()
    assert.equal(table.concat({
      "panel: opens with the token and not without",
      "panel: creates a scenario and shows it as text",
      "panel: advances the clock and shows what became of the pipeline",
      "panel: makes a rule and shows the last requests",
      "panel: keeps the token nowhere",
      "nothing was asked of anybody else",
    }, "\n") .. "\n", look("panel", {}))
  end)

  it("say at /docs and /redoc how to get missing files", function()
    assert.equal("without their files: the pages say how to get them\nnothing was asked of anybody else\n",
      look("absent", { GITLAB_PIPELINES_DOCS_ASSETS = "/nowhere" }))
  end)

  if not has_assets then
    it("do not show Swagger UI and ReDoc: make docs-assets has not been run", function()
      assert.is_false(has_assets)
    end)
    return
  end

  it("show Swagger UI, where operations can be tried out, and ReDoc", function()
    assert.equal("docs: operations are shown, and trying one out answers\n"
      .. "docs: what stands there as an example is carried out\nredoc: the contract is shown\n"
      .. "nothing was asked of anybody else\n", look("docs redoc", {}))
  end)
end)

local httpd = require "support.httpd"

local TOKEN = "spec-token-0123456789"

describe("python-gitlab, somebody else's client,", function()
  it("creates, polls, lists, cancels, retries, reads logs and triggers on the simulated GitLab", function()
    local server = httpd.start({ httpd.lua, "bin/gitlab-pipelines", "mock", "serve", "--port", "0",
      "--db", ":memory:", "--world", "spec/support/python_gitlab_world.lua" }, { MOCK_TOKEN = TOKEN })
    local pipe = assert(io.popen(("MOCK_TOKEN=%s /usr/bin/python3 spec/mock/python_gitlab.py %s 2>&1")
      :format(TOKEN, server.url)))
    local told = pipe:read "*a"
    pipe:close()
    assert.equal(table.concat({
      "created and polled to success",
      "read jobs and a log, retried a job",
      "listed by pages and filters",
      "cancelled, retried and deleted",
      "triggered with a token",
      "refused what GitLab refuses",
    }, "\n") .. "\n", told)
    assert.same({ 0, "" }, { server:stop() })
  end)
end)

local reference = dofile "scripts/reference.lua"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

describe("the client's reference", function()
  it("is what the operations and the annotations say: lua5.4 scripts/reference.lua > docs/client.md",
    function()
      assert.is_true(reference.generate "." == read "docs/client.md", "docs/client.md is out of date")
    end)

  it("shows every operation, and every method of the API with its arguments", function()
    local text = reference.generate "."
    for _, operation in ipairs(require("gitlab_pipelines.operations").all) do
      assert.truthy(text:find("\n### " .. operation.name .. "\n", 1, true), operation.name)
    end
    for _, call in ipairs { "gl.projects:get(project, [opts])", "gl.pipelines:each(project, [filters], [opts])",
      "gl.pipelines:create(project, fields, [opts])", "gl.jobs:each_project(project, [filters], [opts])",
      "gl.artifacts:file(project, job_id, path, [target], [opts])",
      "gl.triggers:run(project, fields, [opts])", "gl.variables:set(project, fields, [opts])",
      "gl.token:allows(operation)" } do
      assert.truthy(text:find("### `" .. call .. "`", 1, true), call)
    end
  end)

  it("documents no public method without its arguments and results", function()
    for _, group in ipairs { "projects", "pipelines", "jobs", "artifacts", "triggers", "variables",
      "environments", "deployments", "token" } do
      local text = read("docs/client.md")
      for name, method in pairs(require("gitlab_pipelines.api." .. group)) do
        if type(method) == "function" and name ~= "new" then
          assert.truthy(text:find("### `gl." .. group .. ":" .. name .. "(", 1, true), group .. "." .. name)
        end
      end
    end
  end)
end)

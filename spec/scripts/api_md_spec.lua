local api_md = dofile "scripts/api_md.lua"

describe("docs/API.md", function()
  it("is what the table of routes says; make api-md writes it anew", function()
    local file = assert(io.open "docs/API.md")
    local kept = file:read "*a"
    file:close()
    assert.equal(api_md.generate(api_md.document()), kept)
  end)
end)

local dotenv = require "gitlab_pipelines.flow.dotenv"

describe("a dotenv file", function()
  it("gives a value a line, without the blanks around it", function()
    assert.same({ A = "1", B = "two words", C = "", URL = "https://x/?a=b" },
      dotenv.read "A=1\n B = two words \r\nC=\n\nURL=https://x/?a=b")
  end)

  it("leaves out lines that are none", function()
    assert.same({ A = "1" }, dotenv.read "# comment\njust text\nA=1\na-b=2\n")
  end)

  it("fills what is given; a later line wins", function()
    assert.same({ A = "3", B = "2" }, dotenv.read("A=1\nA=3", { A = "0", B = "2" }))
  end)
end)

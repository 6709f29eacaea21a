--- One look at a project's pipelines: which of them holds a key, and of which it cannot be told.
--
-- The list is asked by its time of creation and by nothing else: GitLab keeps refs in another form
-- than they were given, and a name or a status can change. A row is known by its name (through
-- `workflow:name`), else by its variables, which are read once and remembered.

local core = require "gitlab_pipelines.core"
local operations = require "gitlab_pipelines.operations"
local pages = require "gitlab_pipelines.client.pages"
local request = require "gitlab_pipelines.once.request"

local M = {}

--- More than this cannot be looked through.
M.MOST = 300

-- Marks of pipelines that were read, by scope and id; dropped all together when they are many.
local KEPT = 5000

-- Errors that will not go away by asking again.
local function is_final(err)
  return err:is "AccessError" or err:is "AuthenticationError" or err:is "ConfigurationError"
    or err:is "RequestError"
end

local function remembered(client)
  local memory = client.once_marks
  if not memory or memory.count > KEPT then
    memory = { count = 0 }
    client.once_marks = memory
  end
  return memory
end

-- What a pipeline's variables say: its mark (or false) and whether there are any variables at all;
-- nil where they cannot be read; nil and an error where it should be tried again.
local function read_mark(self, id, deadline)
  local memory = remembered(self.client)
  local name = self.scope .. " " .. ("%d"):format(id)
  local known = memory[name]
  if known then return known end
  if self.unreadable then return nil end
  local rows, err = self.client:call(operations.pipelines.variables,
    { project = self.project, pipeline_id = id }, { deadline = deadline, priority = "read" })
  if not rows then
    -- A 404 is a replica that does not have it yet, or somebody has deleted it.
    if err.status == 404 or err.status == 403 or err.status == 401 then return nil end
    return nil, err
  end
  known = { mark = request.mark_of(rows) or false, variables = #rows > 0 }
  memory[name] = known
  memory.count = memory.count + 1
  return known
end

local function found(look, row)
  look.found[#look.found + 1] = row.id
  look.rows[row.id] = row
end

-- Sorts a row into found, candidates or neither; an error ends the look.
local function judge(self, row, look, deadline)
  if type(row.name) == "string" and row.name:find(self.mark, 1, true) then
    found(look, row)
    return
  end
  if self.journal then
    local key, err = self.journal:claimed(self.scope, row.id)
    if err then return err end
    if key and key ~= self.name then return end
  end
  if #look.candidates >= M.MOST or look.read >= M.MOST then
    look.too_many = true
    return
  end
  look.read = look.read + 1
  local known, err = read_mark(self, row.id, deadline)
  if err then return err end
  if not known then
    look.candidates[#look.candidates + 1] = row.id
  elseif known.mark then
    if known.mark == self.mark then found(look, row) end
  elseif not self.carried and not known.variables then
    -- What was sent without any variable cannot be told from others like it.
    look.candidates[#look.candidates + 1] = row.id
  end
end

local function failed(err)
  return { failed = err, final = is_final(err), cancelled = err:is "TaskError.Cancelled",
    found = {}, candidates = {} }
end

-- A pipeline that is missed is made twice: one request more is cheap.
local function first_page(self)
  local query = { { "page", "1" }, { "per_page", ("%d"):format(pages.ROWS) } }
  if self.since then table.insert(query, 1, { "created_after", core.time.iso(self.since) }) end
  return pages.walk(operations.pipelines.list, { project = self.project, query = query }, true)
end

--- Looks once. What is found has its row in `rows`.
---@param self table
--- `client`, `project`, `scope`, `name` (the key in the journal), `mark`, `journal`; `since` (on the
--- server's clock; nil: it is not known); `baseline` (ids up to this one were there before the first
--- request); `carried` (the key travels as a variable); `unreadable` (variables need not be asked for)
---@param deadline number
---@return table look for machine:looked, and `top`, the greatest id seen
function M.look(self, deadline)
  local look = { found = {}, candidates = {}, rows = {}, read = 0, top = 0 }
  local seen, walk = {}, first_page(self)
  local args = walk.args
  while args do
    local rows, response = self.client:page(operations.pipelines.list, args,
      { deadline = deadline, priority = "read" })
    if not rows then return failed(response) end
    for _, row in ipairs(rows) do
      local id = row.id
      if not seen[id] then
        seen[id] = true
        if id > look.top then look.top = id end
        if not self.baseline or id > self.baseline then
          local err = judge(self, row, look, deadline)
          if err then return failed(err) end
        end
      end
    end
    -- Newest first: what follows cannot be among the first 300 either.
    if look.too_many then break end
    local err
    args, err = walk:after(rows, response)
    if err then return failed(err) end
  end
  if self.journal then
    local open, err = self.journal:open_intents(self.scope)
    if not open then return failed(err) end
    look.no_other_open = true
    for _, row in ipairs(open) do
      if row.key ~= self.name then look.no_other_open = false end
    end
  end
  return look
end

return M

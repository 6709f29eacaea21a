--- The tables of a journal, those of `once` (intents, facts, boots) and those of flows (runs, steps,
--- answers), and how a file of an earlier version becomes one of this.

local errors = require "gitlab_pipelines.errors"

local M = {}

local APPLICATION_ID = 1735420530 -- "gpjr"

-- The statements that make a journal of each version out of the one before; the first begins with
-- an empty file.
local VERSIONS = {
  {
    -- Exactly one pipeline a key: what is about to be made, and what came of it.
    [[CREATE TABLE IF NOT EXISTS intents (
      key TEXT PRIMARY KEY, scope TEXT NOT NULL, digest TEXT NOT NULL, request TEXT NOT NULL,
      state TEXT NOT NULL, pipeline INTEGER, created_at REAL NOT NULL, sent_at REAL,
      updated_at REAL NOT NULL, boot_id TEXT, reason TEXT)]],
    "CREATE INDEX IF NOT EXISTS intents_scope ON intents(scope, state)",
    "CREATE UNIQUE INDEX IF NOT EXISTS intents_pipeline ON intents(scope, pipeline)",
    -- What is remembered of a host or project.
    [[CREATE TABLE IF NOT EXISTS facts (
      scope TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (scope, name))]],
    -- Runs of flows. `salt` is the random key under which secret inputs are digested.
    [[CREATE TABLE IF NOT EXISTS runs (
      id TEXT PRIMARY KEY, name TEXT, file TEXT, script TEXT, digest TEXT NOT NULL,
      inputs TEXT NOT NULL, secrets TEXT NOT NULL, salt TEXT NOT NULL, status TEXT NOT NULL,
      reason TEXT, created_at REAL NOT NULL, ended_at REAL, pid INTEGER, boot_id TEXT)]],
    "CREATE INDEX IF NOT EXISTS runs_file ON runs(file, created_at)",
    [[CREATE TABLE IF NOT EXISTS steps (
      run TEXT NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL, phase TEXT NOT NULL,
      attempt INTEGER NOT NULL, request TEXT, items TEXT, project TEXT, pipeline INTEGER,
      job INTEGER, web_url TEXT, status TEXT, reason TEXT, because TEXT, outputs TEXT,
      started_at REAL, ended_at REAL, PRIMARY KEY (run, path))]],
    [[CREATE TABLE IF NOT EXISTS answers (
      run TEXT NOT NULL, path TEXT NOT NULL, answer TEXT NOT NULL, by TEXT, at REAL NOT NULL,
      PRIMARY KEY (run, path))]],
  },
  {
    -- The journal's own time (journal_clock.lua), by which finished keys expire; what is finished
    -- already begins to age now. `said_made`: the server said that the pipeline was created, in a
    -- response from which its id could not be read.
    [[CREATE TABLE boots (
      boot TEXT NOT NULL, namespace TEXT NOT NULL, turn INTEGER NOT NULL, time REAL NOT NULL,
      by_clock REAL NOT NULL, by_proc REAL NOT NULL, wall REAL NOT NULL,
      PRIMARY KEY (boot, namespace))]],
    "ALTER TABLE intents ADD COLUMN finished REAL",
    "ALTER TABLE intents ADD COLUMN said_made INTEGER",
    "UPDATE intents SET finished = 0 WHERE state <> 'intent'",
    "CREATE INDEX intents_finished ON intents(finished) WHERE finished IS NOT NULL",
    "DELETE FROM facts WHERE name = 'variables_forbidden'",
  },
}

local function pragma(journal, name) return journal:must("PRAGMA " .. name)[1][name] end

-- The version of the file's tables, 0 when they are to be made; raises for what is not a journal of
-- ours, or is a later one.
local function version_of(journal)
  local ours = pragma(journal, "application_id") == APPLICATION_ID
  local version = pragma(journal, "user_version")
  local function refuse(why)
    error(errors.new("FlowError.JournalUnusable", { message = journal.path .. ": " .. why }), 0)
  end
  if not ours and journal:must "SELECT count(*) AS tables FROM sqlite_master"[1].tables > 0 then
    refuse "a database, but no journal of ours"
  end
  if version > #VERSIONS then refuse "made by a newer version of gitlab-pipelines" end
  return ours and version or 0
end

local function migrate(journal)
  for version = version_of(journal) + 1, #VERSIONS do
    for _, statement in ipairs(VERSIONS[version]) do journal:must(statement) end
  end
  journal:must(("PRAGMA application_id = %d"):format(APPLICATION_ID))
  journal:must(("PRAGMA user_version = %d"):format(#VERSIONS))
  return true
end

--- Makes the tables where there are none, and brings those of an earlier version up to date: in one
--- transaction, as several processes may open a file at once. A journal that is up to date needs no
--- lock.
---@param journal gitlab_pipelines.Journal
---@return boolean|nil ok
---@return table|nil err FlowError.JournalUnusable
function M.prepare(journal)
  local ok, version = pcall(version_of, journal)
  if not ok then
    if errors.is_error(version) then return nil, version end
    error(version, 0)
  end
  if version == #VERSIONS then return true end
  return journal:transaction(migrate, journal)
end

return M

--- Sends the webhooks of a simulated GitLab that is served.
--
-- The simulation keeps an outbox and knows when what is due; this pollable takes it, sends it with
-- the ordinary engine, several at a time, and reports the answers. The HTTP client is loaded with
-- the first delivery: who has no target loads none.

local runtime = require "gitlab_pipelines.runtime"

local M = {}

-- GitLab gives a receiver that long.
local PATIENCE = 10
-- Deliveries on their way at once.
local AT_ONCE = 20
-- Bytes of an answer that are looked at.
local ANSWER = 64 * 1024

local Outbox = {}
Outbox.__index = Outbox
Outbox.__name = "gitlab_pipelines.mock.webhooks"

--- Starts sending: attaches itself to the runtime until `close`.
---@param options table `core` (userdata of simulation.so), `runtime`, `transport` (default: curl)
---@return table outbox
function M.start(options)
  local self = setmetatable({
    core = options.core, runtime = options.runtime or runtime.default(),
    transport = options.transport, in_flight = 0, closed = false,
  }, Outbox)
  self.runtime:attach(self)
  return self
end

-- There is nothing to wait for but the time: poll(2) passes over a negative descriptor.
function Outbox.pollfd() return -1 end

function Outbox.events() return "r" end

--- Seconds until the next delivery may be due; nil while none is in sight or enough are under way.
function Outbox:timeout()
  if self.closed or self.in_flight >= AT_ONCE then return nil end
  return self.core:webhook_timeout(self.runtime:now())
end

local function reason(failure)
  return failure.message or failure.code or "no answer"
end

local function deliver(self, hook)
  local rt = self.runtime
  if not self.transport then
    self.own = require("gitlab_pipelines.transport.curl").new { runtime = rt, allow_insecure = true }
    self.transport = self.own
  end
  local response, failure = self.transport:perform {
    method = "POST", url = hook.url, headers = hook.headers, body = hook.body,
    operation = "webhook", effect = "create", runtime = rt, max_bytes = ANSWER,
    timeout = { connect = PATIENCE, request = PATIENCE, stall = PATIENCE },
  }
  self.in_flight = self.in_flight - 1
  if self.closed then return end
  if response then
    -- A redirect is not followed, and a success all the same.
    self.core:webhook_report(rt:now(), hook.id, response.status, response.body or "")
  else
    self.core:webhook_report(rt:now(), hook.id, 0, reason(failure))
  end
end

--- Starts what is due. Never waits.
---@param limit integer
---@return integer count
function Outbox:pump(limit)
  local count = 0
  while not self.closed and self.in_flight < AT_ONCE and count < limit do
    local hook = self.core:webhook_take(self.runtime:now())
    if not hook then break end
    self.in_flight = self.in_flight + 1
    self.runtime:background(deliver, self, hook)
    count = count + 1
  end
  return count
end

--- Ends sending. What was under way counts as not sent: it goes out again with its key when the
--- simulation is next opened.
function Outbox:close()
  if self.closed then return end
  self.closed = true
  self.runtime:detach(self)
  if self.own then self.own:close() end
end

return M

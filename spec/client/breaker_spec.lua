-- The circuit breaker of a whole client, in virtual time, over a server that accepts requests and
-- never responds.
local gitlab = require "gitlab_pipelines"
local seeds = require "support.seeds"

-- What the server receives: {sent, ended} for each attempt. A timer of a busy process is late.
local function silent_server(rt, timeout, random)
  local seen = {}
  return seen, {
    perform = function(_, request)
      local attempt = { sent = rt:now() }
      seen[#seen + 1] = attempt
      if request.exchange then request.exchange:sent(rt:now()) end
      rt:sleep(timeout + random.pick { 0, 0.001, 0.5 })
      attempt.ended = rt:now()
      return nil, { outcome = "unknown", code = "timeout", message = "timed out", sent_at = attempt.sent }
    end,
    close = function() end,
  }
end

describe("the circuit breaker of a client whose server never responds", function()
  it("sends one probe for each reset, however many calls wait", function()
    for seed in seeds.each(500, 25) do
      seeds.named(seed, function()
        local random = seeds.new(seed)
        local rt = gitlab.runtime.virtual.new { seed = seed }
        local timeout, reset = random.int(1, 40), random.int(1, 60)
        local seen, transport = silent_server(rt, timeout, random)
        local gl = assert(gitlab.new { url = "http://127.0.0.1", token = "spec-token-0123456789",
          transport = transport, runtime = rt, limits = false, retry = false,
          timeout = { request = timeout }, breaker = { failures = 2, reset = reset } })
        local span = 10 * (timeout + reset)
        rt:run(function()
          local list = {}
          for i = 1, random.int(3, 8) do
            list[i] = function()
              rt:sleep(random.unit() * 5)
              local till = rt:now() + span
              while rt:now() < till do
                gl.projects:get(i, { timeout = span })
                rt:sleep(random.unit() * 3)
              end
              return true
            end
          end
          rt:all(list)
        end)
        -- The naive model: the second failure opens it; from then on each attempt is a probe, sent
        -- `reset` after whatever opened the breaker, that is the end of the probe before it.
        local ends = {}
        for i, attempt in ipairs(seen) do ends[i] = attempt.ended or math.huge end
        table.sort(ends)
        local opened, probes = ends[2], 0
        for _, attempt in ipairs(seen) do
          if attempt.sent > opened then
            assert(attempt.sent >= opened + reset - 1e-6, ("a probe %.3f s after the breaker opened, "
              .. "with reset %d and timeout %d"):format(attempt.sent - opened, reset, timeout))
            opened, probes = attempt.ended or math.huge, probes + 1
          end
        end
        assert(probes >= 5, "only " .. probes .. " probes")
        gl:close()
      end)
    end
  end)
end)

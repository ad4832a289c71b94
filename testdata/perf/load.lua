-- The load of the comparisons, for wrk. BODY: bytes of a POST's text, 0 for a
-- GET. KEY: the client's, or empty. LARGE: not empty where answers are.
wrk.headers["User-Agent"] = "perf/1"
wrk.headers["Accept"] = "*/*"
wrk.headers["Accept-Language"] = "zh-CN"
if os.getenv("KEY") ~= "" then
  wrk.headers["Authorization"] = "Bearer " .. os.getenv("KEY")
end
local n = tonumber(os.getenv("BODY"))
if n > 0 then
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = '{"touser":"OPENID","text":"' .. string.rep("x", n) .. '"}'
end

-- A proxy that refuses everything would look fast. wrk counts 4xx and 5xx by
-- itself; the rest is counted here, except where answers are LARGE: wrk would
-- have to collect them.
local threads = {}
function setup(thread) table.insert(threads, thread) end
odd = 0
if os.getenv("LARGE") == "" then
  function response(status)
    if status < 200 or status > 299 and status < 400 then odd = odd + 1 end
  end
end

function done(summary)
  local e = summary.errors
  local failed = e.status + e.connect + e.read + e.write + e.timeout
  for _, thread in ipairs(threads) do failed = failed + thread:get("odd") end
  if failed > 0 then io.write("FAILED ", failed, "\n") end
  io.write("CALLS ", summary.requests, "\n")
end

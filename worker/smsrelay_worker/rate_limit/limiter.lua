-- Grants slots in the one rate that all workers share, in one atomic step on this server's clock. A slot is an instant; the next
-- one begins where the last one ends (GCRA without a burst). No lane reserves further ahead than its horizon, so that a bulk leaves
-- free slots in front of it for a code. A lane that waits for slots is marked as waiting until it asks again; meanwhile the lanes
-- below it get their floor and no more.
-- KEYS 1 {sms}:rate     hash; expires 15 minutes after its last use. In µs of this clock: next (where the next slot begins), pause
--                     (no slot before), wants:LANE (the lane waits until then), floor:LANE (when its floor is due), next:TEMPLATE,
--                     back:TEMPLATE (give_back.lua); and share with share_at: the part of the configured rate that the vendor's
--                     throttling left (throttle.lua)
--      2 {sms}:rates    hash, no expiry: rate and template:ID as commands set them (a second)
--      3 {sms}:halted   hash; until resumed: since, code, probe (ms), slot, and wait (0: an operator's, without probes), see shut()
--      4 {sms}:circuit  hash; until a probe succeeds: since, probe, wait (ms), slot (where the newest probe's begins, µs)
-- ARGV 1 rate of the environment (a second)  2 ms between probes of a halt, 0 for none
--      3 margin: part of the rate that slots are spaced for  4 recovery: µs from nothing back to the configured rate
--      5 µs after which a waiting caller asks again at the latest  6 floor: part of the current rate  7 refill: µs still reserved
--      ahead when a bulk asks again (pacing.py, lane_shares.py)
--      8… by four, the most urgent lane first: lane, template, horizon (µs), costs like 1,1,2
-- Returns {-1, ms} if halted, {-2, ms} if the circuit is open, with the time until the next probe (-1: none); else {0, or 1 or 2 if
-- the only slot granted is a probe of a halt or of the circuit, now, next, interval (µs), and for each four: {µs until it is worth
-- asking again, 0 if all were granted, start of slot (µs), …}}.
local MARGIN, RECOVERY, ASK_AGAIN = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local FLOOR, REFILL = tonumber(ARGV[6]), tonumber(ARGV[7])
local FLOOR_KEPT = 100e3  -- µs for which a floor that was not used is kept
local TEMPLATE_CATCH_UP = 20e3 -- µs by which a template's own rate may catch up
local LOST_PROBE = 60e3   -- ms after which a probe without a result is followed by another: its worker may be dead
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1e6 + tonumber(clock[2])

-- nil if submits may pass, else the ms until the caller's next submit is the probe, -1 for never; and the ms between probes.
local function shut(key, wait)
  local since, probe, own = unpack(redis.call('HMGET', key, 'since', 'probe', 'wait'))
  if not since then return nil end
  wait = tonumber(own or wait)
  if wait == 0 then return -1 end
  local left = math.max(0, math.ceil((tonumber(probe) or tonumber(since) + wait) - now / 1e3))
  if own and left > wait then left = 0 end -- this clock was set back
  return left, wait
end
local shut_by, left, wait = 1, shut(KEYS[3], ARGV[2])
if not left then
  shut_by, left, wait = 2, shut(KEYS[4], 0)
end
if left and left ~= 0 then return {-shut_by, left} end
local probe = left == 0

local known, changed = {}, {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do known[all[i]] = tonumber(all[i + 1]) end
local function set(field, value)
  known[field], changed[field] = value, true
end

local rate = tonumber(redis.call('HGET', KEYS[2], 'rate') or ARGV[1])
local share = math.min(1, (known.share or 1) + math.max(0, now - (known.share_at or 0)) / RECOVERY)
local interval = 1e6 / (MARGIN * math.max(rate * share, math.min(rate, 1)))
local start = math.max(now, known.next or 0)
-- Further ahead than any lane reserves: the rate was raised, or this clock was set back.
local furthest = 100e3 + 40 * interval
if start > now + furthest then
  start = now + furthest
  set('next', start)
end
if known.pause and known.pause > start and known.pause < now + 3600e6 then start = known.pause end

-- Whether a more urgent lane waits.
local function held(lane)
  if lane == 'otp' then return false end
  return (known['wants:otp'] or 0) > now or (lane == 'marketing' and (known['wants:notice'] or 0) > now)
end
-- Whether the lane's floor is due; it may be taken a little beyond the horizons of all lanes.
local function by_floor(lane)
  return lane ~= 'otp' and (known['floor:' .. lane] or 0) <= now and start <= now + 60e3 + 4 * interval
end
local function count_floor(lane, cost)
  local each = interval / FLOOR
  set('floor:' .. lane, math.min(now + each * cost, math.max(known['floor:' .. lane] or 0, now - FLOOR_KEPT) + each * cost))
end

local function wait_of(lane, horizon, left, granted)
  if held(lane) then return 60e3 end
  local soonest = start - now - horizon
  local wait = math.max(soonest, math.min(soonest + (left - 1) * interval, start - now - REFILL))
  -- A caller that was granted few slots shares the rate with others, who keep slots reserved: it asks less often.
  if left > 1 and interval <= 5e3 then wait = wait + 40e3 * math.max(0, 1 - granted * interval / 15e3) end
  return math.max(1e3, wait)
end

local answer, granted_all, first = {probe and shut_by or 0, now, 0, tostring(interval)}, 0, start
for i = 8, #ARGV, 4 do
  local lane, template, horizon, costs = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  local own = tonumber(redis.call('HGET', KEYS[2], 'template:' .. template) or nil)
  local mine, total = {0}, 0
  local _, wanted = string.gsub(costs, '%d+', '')
  for cost in string.gmatch(costs, '%d+') do
    if probe and granted_all == 1 then mine[1] = 1e3 break end
    local following = known['next:' .. template] or 0
    if own and following > start and following < now + 3600e6 then mine[1] = math.max(5e3, following - start) break end
    if (held(lane) or start > now + horizon) and not by_floor(lane) then
      mine[1] = wait_of(lane, horizon, wanted - total, total)
      if lane ~= 'marketing' then
        set('wants:' .. lane, math.max(known['wants:' .. lane] or 0, now + math.min(mine[1], ASK_AGAIN) + 15e3))
      end
      break
    end
    cost = tonumber(cost)
    mine[#mine + 1] = start
    if own then set('next:' .. template, math.max(following, start - TEMPLATE_CATCH_UP) + cost * 1e6 / (MARGIN * own)) end
    if lane ~= 'otp' then count_floor(lane, cost) end
    start = start + cost * interval
    total, granted_all = total + 1, granted_all + 1
  end
  answer[#answer + 1] = mine
end

if probe and granted_all == 0 then return {-shut_by, 1000} end -- a pause, or the template's own rate: no probe now
if probe then
  redis.call('HSET', KEYS[2 + shut_by], 'probe', string.format('%.0f', now / 1e3 + math.min(wait, LOST_PROBE)),
    'slot', string.format('%.0f', math.floor(first)))
end
answer[3] = start
if granted_all > 0 then set('next', start) end
if next(changed) then
  local fields = {}
  for field in pairs(changed) do
    fields[#fields + 1] = field
    fields[#fields + 1] = string.format('%.0f', known[field])
  end
  redis.call('HSET', KEYS[1], unpack(fields))
  redis.call('PEXPIRE', KEYS[1], 900000)
end
return answer

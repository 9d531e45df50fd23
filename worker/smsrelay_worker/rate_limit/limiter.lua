-- Slots in the one rate that all processes share, in one step on this server's clock. A slot is an instant; the next one begins where
-- the last one ends (GCRA without a burst), and nobody reserves further ahead than the horizon of the lane, so that bulk leaves room
-- in front of it for a code. A lane that waits for slots says so until it asks again; the lanes below then get their floor alone.
-- KEYS 1 sms:rate     hash; lives 15 minutes past its last use. In µs of this clock: next (where the next slot begins), pause (nobody
--                     before), wants:LANE (waits until), floor:LANE (when its floor is due), next:TEMPLATE,
--                     back:TEMPLATE (give_back.lua); and share with share_at:
--                     of the configured rate, since a throttled answer
--      2 sms:rates    hash, no lifetime: rate and template:ID as a command set them (a second)
--      3 sms:halted   hash; until resumed: since, code, probe (ms), slot, see shut()
--      4 sms:circuit  hash; until a probe succeeds: since, probe, wait (ms), slot (where the newest probe's begins, µs)
-- ARGV 1 rate of the environment (a second)  2 ms between probes of a halt, 0 for none
--      3… by three: lane, template, costs like 1,1,2; the most urgent lane first
-- Returns {-1, ms} halted, {-2, ms} circuit open, with the time until the next probe (-1: none); or {1 or 2 when the only slot granted is
-- a probe of that else 0, now, next, interval (µs), and for each three: {µs until it is worth asking again, 0 when all was granted,
-- start of slot (µs), …}}.
local PACE = 0.985      -- of the rate: what is late on its way crowds what follows
local SHARE = 0.06      -- a floor, of the current rate
local CLIMB = 20e6      -- µs from nothing back to the configured rate
local HORIZON = {otp = 50e3, notice = 45e3, marketing = 40e3}
local LOW = 20e3        -- µs still ahead when bulk asks again
local CATCH_UP = 100e3  -- µs for which a floor that was not taken is kept
local UNHEARD = {60e3, 10e3} -- ms after a probe of a halt, or of the circuit, of which nothing is heard: its worker may be dead
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1e6 + tonumber(clock[2])

-- nil when submits may pass, else the ms until the caller's next one is the probe, -1 for never; and the ms between probes.
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
local share = math.min(1, (known.share or 1) + math.max(0, now - (known.share_at or 0)) / CLIMB)
local interval = 1e6 / (PACE * math.max(rate * share, math.min(rate, 1)))
local start = math.max(now, known.next or 0)
-- Further ahead than anybody reserves: the rate was raised, or this clock was set back.
local furthest = 100e3 + 40 * interval
if start > now + furthest then
  start = now + furthest
  set('next', start)
end
if known.pause and known.pause > start and known.pause < now + 3600e6 then start = known.pause end

local function held(lane)
  if lane == 'otp' then return false end
  return (known['wants:otp'] or 0) > now or (lane == 'marketing' and (known['wants:notice'] or 0) > now)
end
-- A floor that lane traffic of any kind has not used; a little beyond the horizon of everybody else.
local function by_floor(lane)
  return lane ~= 'otp' and (known['floor:' .. lane] or 0) <= now and start <= now + 60e3 + 4 * interval
end
local function count_floor(lane, cost)
  local each = interval / SHARE
  set('floor:' .. lane, math.min(now + each * cost, math.max(known['floor:' .. lane] or 0, now - CATCH_UP) + each * cost))
end

local function wait_of(lane, left, granted)
  if held(lane) then return 60e3 end
  local soonest = start - now - HORIZON[lane]
  local wait = math.max(soonest, math.min(soonest + (left - 1) * interval, start - now - LOW))
  -- Whose bite was small shares the rate with others, who keep the line filled.
  if left > 1 and interval <= 5e3 then wait = wait + 40e3 * math.max(0, 1 - granted * interval / 15e3) end
  return math.max(1e3, wait)
end

local answer, granted_all, first = {probe and shut_by or 0, now, 0, tostring(interval)}, 0, start
for i = 3, #ARGV, 3 do
  local lane, template = ARGV[i], ARGV[i + 1]
  local own = tonumber(redis.call('HGET', KEYS[2], 'template:' .. template) or nil)
  local mine, total = {0}, 0
  local _, wanted = string.gsub(ARGV[i + 2], '%d+', '')
  for cost in string.gmatch(ARGV[i + 2], '%d+') do
    if probe and granted_all == 1 then mine[1] = 1e3 break end
    local following = known['next:' .. template] or 0
    if own and following > start and following < now + 3600e6 then mine[1] = math.max(5e3, following - start) break end
    if (held(lane) or start > now + HORIZON[lane]) and not by_floor(lane) then
      mine[1] = wait_of(lane, wanted - total, total)
      if lane ~= 'marketing' then set('wants:' .. lane, math.max(known['wants:' .. lane] or 0, now + math.min(mine[1], 5e5) + 15e3)) end
      break
    end
    cost = tonumber(cost)
    mine[#mine + 1] = start
    if own then set('next:' .. template, math.max(following, start - 20e3) + cost * 1e6 / (PACE * own)) end
    if lane ~= 'otp' then count_floor(lane, cost) end
    start = start + cost * interval
    total, granted_all = total + 1, granted_all + 1
  end
  answer[#answer + 1] = mine
end

if probe and granted_all == 0 then return {-shut_by, 1000} end -- a pause, or the template's own rate: nobody tests now
if probe then
  redis.call('HSET', KEYS[2 + shut_by], 'probe', string.format('%.0f', now / 1e3 + math.min(wait, UNHEARD[shut_by])),
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

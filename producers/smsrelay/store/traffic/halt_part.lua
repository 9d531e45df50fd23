-- Halts a part of the traffic; or pauses a campaign, or cancels it.
-- KEYS 1 {sms}:halts             hash, no lifetime; see halts.lua
--      2 {sms}:halts:unfinished  hash, no lifetime; see release.lua and cancel_page.lua
--      3 {sms}:campaigns         sorted set, no lifetime: APP/NAME by when its last message was accepted (ms)
--      4 {sms}:campaign:APP/NAME  hash, of a campaign only; lives for 41 days after the campaign's last message
-- ARGV 1 the part  2 kind: halted, paused or cancelled
-- Returns 1 if it is so from now on, 0 if it was so before, -1 if there is no such campaign, -2 if the campaign was cancelled before.
local part, kind = ARGV[1], ARGV[2]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local LONGEST = 41 * 86400000 -- ms, see outbox.lua
-- Campaigns are forgotten some time after their last message; so are their pauses.
local all = redis.call('HKEYS', KEYS[1])
for _, field in ipairs(all) do
  local name = string.match(field, '^campaign:(.+)')
  if name and tonumber(redis.call('ZSCORE', KEYS[3], name) or 0) <= now - LONGEST then redis.call('HDEL', KEYS[1], field) end
end
if KEYS[4] and redis.call('EXISTS', KEYS[4]) == 0 then return -1 end

local value = redis.call('HGET', KEYS[1], part)
local before = value and cjson.decode(value)
if before and before['until'] and before['until'] <= now then before = nil end
if before and before.kind == kind then return 0 end
if before and before.kind == 'cancelled' then return -2 end
local halt = {since = now, kind = kind}
if kind == 'cancelled' then
  local left = redis.call('PTTL', KEYS[4]) -- nothing extends it any more: further jobs are refused
  if left > 0 then halt['until'] = now + left end
  redis.call('HSET', KEYS[2], part, '{"does":"cancel","walked":0}')
else
  redis.call('HDEL', KEYS[2], part) -- it was being released
end
redis.call('HSET', KEYS[1], part, cjson.encode(halt))
return 1

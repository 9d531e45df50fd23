-- Ends the halt of a part of the traffic, the pause of a campaign, or what a fuse has stopped: the app's messages to that country are
-- then counted from 0 again today. What it held is released in the steps of release.lua.
-- KEYS 1 {sms}:halts             hash, no lifetime; see halts.lua
--      2 {sms}:halts:unfinished  hash, no lifetime; see release.lua
--      3 {sms}:held:PART         set, no lifetime
--      4 {sms}:fuse:DAY          hash: messages by APP/COUNTRY, if a fuse has stopped it; lives for two days
-- ARGV 1 the part  2 DAY, or '' if no fuse has stopped it
-- Returns 1 if it was halted, 0 if not, -2 if it is a cancelled campaign, which stays so, -3 if a fuse has stopped it, but on another day.
local part = ARGV[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local value = redis.call('HGET', KEYS[1], part)
local halt = value and cjson.decode(value)
if halt and halt['until'] and halt['until'] <= now then halt = nil end
if halt and halt.kind == 'cancelled' then return -2 end
if halt and halt.kind == 'fuse' then
  if halt.day ~= ARGV[2] then return -3 end
  redis.call('HDEL', KEYS[4], string.match(part, ':(.*)'))
end
redis.call('HDEL', KEYS[1], part)
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('HSETNX', KEYS[2], part, '{"does":"release"}') end
return halt and 1 or 0

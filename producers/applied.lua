-- Lets go of a report that was applied, and marks how far the workers are.
-- KEYS 1 sms:reports        hash: report by its key; no lifetime
--      2 sms:outbox:status  sorted set: key by place; no lifetime
--      3 sms:taken:status   string: the highest place applied; no lifetime
-- ARGV 1 key
local place = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not place then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
local first = tonumber(place) % 1 == 0 -- see worker/lost.lua
if first and tonumber(redis.call('GET', KEYS[3]) or 0) < tonumber(place) then redis.call('SET', KEYS[3], place) end
return 1

-- Gives slots back that nobody will use, when they are the last ones handed out; else they lapse.
-- KEYS 1 sms:rate  hash, see limit.lua
-- ARGV 1 where they begin (µs)  2 where they end (µs)
-- Returns 1 when they are free again.
local following = tonumber(redis.call('HGET', KEYS[1], 'next') or 0)
if math.abs(following - tonumber(ARGV[2])) > 5 then return 0 end
redis.call('HSET', KEYS[1], 'next', ARGV[1])
return 1

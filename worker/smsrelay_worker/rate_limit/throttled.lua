-- The vendor said that we are too fast: halves what is left of the rate, at most once a second, and lets nobody submit for a while.
-- KEYS 1 sms:rate  hash, see limit.lua: share, share_at, halved_at, pause
-- ARGV 1 pause (µs)
-- Returns 1 when the rate was halved.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1e6 + tonumber(clock[2])
local share, share_at, halved_at, pause = unpack(redis.call('HMGET', KEYS[1], 'share', 'share_at', 'halved_at', 'pause'))
local function micros(value) return string.format('%.0f', value) end
redis.call('HSET', KEYS[1], 'pause', micros(math.max(tonumber(pause or 0), now + tonumber(ARGV[1]))))
redis.call('PEXPIRE', KEYS[1], 3600000)
local apart = now - tonumber(halved_at or 0)
if apart >= 0 and apart < 1e6 then return 0 end
local current = math.min(1, tonumber(share or 1) + math.max(0, now - tonumber(share_at or 0)) / 20e6)
redis.call('HSET', KEYS[1], 'share', math.max(1 / 64, current / 2), 'share_at', micros(now), 'halved_at', micros(now))
return 1

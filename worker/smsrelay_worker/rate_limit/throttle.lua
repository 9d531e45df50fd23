-- The vendor throttled us: halves the current part of the rate, once a second at most, and pauses all submits for a while.
-- KEYS 1 {sms}:rate  hash, see limiter.lua: share, share_at, halved_at, pause
-- ARGV 1 pause (µs)  2 recovery (µs), see limiter.lua
-- Returns 1 if the rate was halved.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1e6 + tonumber(clock[2])
local share, share_at, halved_at, pause = unpack(redis.call('HMGET', KEYS[1], 'share', 'share_at', 'halved_at', 'pause'))
local function micros(value) return string.format('%.0f', value) end
redis.call('HSET', KEYS[1], 'pause', micros(math.max(tonumber(pause or 0), now + tonumber(ARGV[1]))))
redis.call('PEXPIRE', KEYS[1], 3600000)
local apart = now - tonumber(halved_at or 0)
if apart >= 0 and apart < 1e6 then return 0 end
local current = math.min(1, tonumber(share or 1) + math.max(0, now - tonumber(share_at or 0)) / tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], 'share', math.max(1 / 64, current / 2), 'share_at', micros(now), 'halved_at', micros(now))
return 1

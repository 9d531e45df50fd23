-- A probe that was not used: the next submit is one, unless a newer probe was granted meanwhile. Running it again does nothing.
-- KEYS 1 {sms}:halted   hash, see limiter.lua: probe, slot
--      2 {sms}:circuit  hash, see limiter.lua: probe, slot
-- ARGV 1 where its slot begins (µs)
-- Returns 1 if the next submit is a probe now.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1e3 + math.floor(tonumber(clock[2]) / 1e3)
local due = 0
for _, key in ipairs(KEYS) do
  if redis.call('HGET', key, 'slot') == ARGV[1] then
    redis.call('HDEL', key, 'slot')
    redis.call('HSET', key, 'probe', string.format('%.0f', now))
    due = 1
  end
end
return due

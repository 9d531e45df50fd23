-- Notes once that the recipient used a message's code.
-- KEYS 1 sms:m:ID   hash: the record; its lifetime stays as it is
-- Returns when that was (ms): now, or the first time; nothing if there is no such message.
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local known = redis.call('HGET', KEYS[1], 'used')
if known then return tonumber(known) end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('HSET', KEYS[1], 'used', string.format('%.0f', now))
return now

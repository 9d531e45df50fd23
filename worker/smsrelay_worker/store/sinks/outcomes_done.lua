-- Removes outcomes that a sink has taken, and counts each that was still here: once, however often it was delivered. After counts.lua.
-- KEYS 1 {sms}:outcomes:SINK  sorted set: outcome by when it is due (ms), its failed tries / 1024 in the fraction
--      2 {sms}:counts       hash: what has been counted, by series; no lifetime
-- ARGV 1 sink  2… outcomes
local taken = redis.call('ZREM', KEYS[1], unpack(ARGV, 2))
if taken > 0 then count_named(KEYS[2], 'webhooks', 'sink', ARGV[1], '|taken', taken) end
return taken

-- Makes an outcome due again after a failed try, or drops it if that would be after the retention. Leaves it alone if its lease has ended
-- and another claimer has it. Counts the try that failed, and what is dropped. After counts.lua.
-- KEYS 1 {sms}:outcomes:SINK  sorted set: outcome by when it is due (ms), its failed tries / 1024 in the fraction
--      2 {sms}:counts       hash: what has been counted, by series; no lifetime
-- ARGV 1 outcome  2 end of its lease (ms)  3 failed tries when it was claimed  4 delay (ms)  5 end of the retention (ms)  6 sink
-- Returns 0 if it is dropped, otherwise 1.
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) ~= tonumber(ARGV[2]) + tonumber(ARGV[3]) / 1024 then return 1 end
local clock = redis.call('TIME')
local due = clock[1] * 1000 + math.floor(clock[2] / 1000) + tonumber(ARGV[4])
if due >= tonumber(ARGV[5]) then
  redis.call('ZREM', KEYS[1], ARGV[1])
  count_named(KEYS[2], 'webhooks', 'sink', ARGV[6], '|dropped', 1)
  return 0
end
redis.call('ZADD', KEYS[1], 'XX', string.format('%.10f', due + math.min(tonumber(ARGV[3]) + 1, 1023) / 1024), ARGV[1])
count_named(KEYS[2], 'webhooks', 'sink', ARGV[6], '|failed', 1)
return 1

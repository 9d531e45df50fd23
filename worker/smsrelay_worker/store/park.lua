-- Keeps a report until its message, or the submit that its external id names, is recorded. One step, so that no report falls between
-- "not known yet" and "recorded".
-- KEYS 1 sms:m:ID (hash) or sms:x:EXTERNAL (string, lives for the retention)
--      2 sms:parked:ID  list, lives for ARGV 2
--      3 sms:parked  sorted set: external ids with parked reports by the instant (ms) of the last one; lives as they do
-- ARGV 1 report (JSON)  2 lifetime (ms)  3 external ids with parked reports at most; '0': the id has its proof, and is not counted
--      4 the external id
-- Returns 1 when it is known by now; else 0, and the report is parked. Past the bound the external id that is waiting for longest goes.
if redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], -20, -1)
redis.call('PEXPIRE', KEYS[2], ARGV[2])
if ARGV[3] == '0' then return 0 end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZADD', KEYS[3], string.format('%.0f', now), ARGV[4])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', now - tonumber(ARGV[2])))
while redis.call('ZCARD', KEYS[3]) > tonumber(ARGV[3]) do
  redis.call('UNLINK', 'sms:parked:' .. redis.call('ZPOPMIN', KEYS[3])[1])
end
return 0

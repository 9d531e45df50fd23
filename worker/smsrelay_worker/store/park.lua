-- Keeps a report until its message, or the submit that has its external id, is recorded. In one step, so that no report is lost between
-- "not known yet" and "recorded".
-- KEYS 1 {sms}:m:ID (hash) or {sms}:x:EXTERNAL (string, lives for the retention)
--      2 {sms}:parked:ID  list, lives for ARGV 2
--      3 {sms}:parked  sorted set: external ids with parked reports by the instant (ms) of the last one; lives as they do
-- ARGV 1 report (JSON)  2 lifetime (ms)  3 the external id, or '': the report is signed and does not count
-- Returns -1 if it is known; otherwise parks the report and returns how many external ids have parked reports, or 0 if it is signed.
if redis.call('EXISTS', KEYS[1]) == 1 then return -1 end
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], -20, -1)
redis.call('PEXPIRE', KEYS[2], ARGV[2])
if ARGV[3] == '' then return 0 end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZADD', KEYS[3], string.format('%.0f', now), ARGV[3])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', now - tonumber(ARGV[2])))
return redis.call('ZCARD', KEYS[3])

-- Finds the attempt an external id belongs to, or keeps the report until the submit's record names it. One step, so that no
-- report falls between "not known yet" and "recorded".
-- KEYS 1 sms:x:EXTERNAL       string, lives for the retention
--      2 sms:parked:EXTERNAL  list, lives for the retention
-- ARGV 1 report (JSON)  2 retention (ms)
-- Returns ID:ATTEMPT, or false when the report was parked.
local known = redis.call('GET', KEYS[1])
if known then return known end
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], -20, -1)
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return false

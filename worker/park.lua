-- Keeps a report until its message, or the submit that its external id names, is recorded. One step, so that no report falls between
-- "not known yet" and "recorded".
-- KEYS 1 sms:m:ID (hash) or sms:x:EXTERNAL (string, lives for the retention)
--      2 sms:parked:ID  list, lives for the retention
-- ARGV 1 report (JSON)  2 retention (ms)
-- Returns 1 when it is known by now; else 0, and the report is parked.
if redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], -20, -1)
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 0

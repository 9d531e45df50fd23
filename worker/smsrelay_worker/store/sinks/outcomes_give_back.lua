-- Makes a claimed outcome due again that was not tried. It comes first, as it did when it was claimed: its score is when it happened.
-- Leaves it alone if its lease has ended and another claimer has it.
-- KEYS 1 {sms}:outcomes:SINK  sorted set: outcome by when it is due (ms), its failed tries / 1024 in the fraction
-- ARGV 1 outcome  2 end of its lease (ms)  3 failed tries  4 when it happened (ms)
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) ~= tonumber(ARGV[2]) + tonumber(ARGV[3]) / 1024 then return 0 end
redis.call('ZADD', KEYS[1], 'XX', string.format('%.10f', tonumber(ARGV[4]) + tonumber(ARGV[3]) / 1024), ARGV[1])
return 1

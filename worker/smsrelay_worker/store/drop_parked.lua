-- Drops the reports parked under external ids that have waited longest, while more ids than the maximum have any.
-- KEYS 1 {sms}:parked  sorted set, see park.lua
--      2… {sms}:parked:ID of each id: list
-- ARGV 1 maximum  2… ids, the one that has waited longest first
-- Returns how many ids it dropped.
local dropped = 0
for place = 2, #ARGV do
  if redis.call('ZCARD', KEYS[1]) <= tonumber(ARGV[1]) then break end
  dropped = dropped + redis.call('ZREM', KEYS[1], ARGV[place])
  redis.call('UNLINK', KEYS[place])
end
return dropped

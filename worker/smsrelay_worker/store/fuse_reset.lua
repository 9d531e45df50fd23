-- Resets a fuse that has blown: the part of the traffic is not halted any more, and the day's messages are counted from 0 again.
-- KEYS 1 sms:halts  hash, no lifetime
--      and, by the day that the halt names: sms:fuse:DAY (hash: messages begun that day, by APP/COUNTRY; lives for two days)
-- ARGV 1 the part of the traffic: country:APP/COUNTRY  2 APP/COUNTRY
-- Returns 1 if its fuse had blown.
local halt = redis.call('HGET', KEYS[1], ARGV[1])
halt = halt and cjson.decode(halt)
if not halt or halt.kind ~= 'fuse' then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', 'sms:fuse:' .. halt.day, ARGV[2])
return 1

-- Lets nobody submit for a while: the vendor said it is too fast.
-- KEYS 1 sms:rate  string: theoretical arrival time of the next submit (µs); lives seconds past it
-- ARGV 1 pause (µs)
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now + tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000) + 5000)
return 1

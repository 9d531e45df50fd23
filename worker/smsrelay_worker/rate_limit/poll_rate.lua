-- The next slot of a small rate of its own, however far away it is: GCRA on this server's clock.
-- KEYS 1 sms:rate:pull  string: theoretical arrival time of the next submit (µs); lives seconds past it
--      2 sms:halted    hash; lives until resumed
--      3 sms:circuit   hash; lives until a probe is answered
-- ARGV 1 emission interval (µs)
-- Returns µs to wait for a slot that is now the caller's, -1 when nobody may submit.
if redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then return -1 end
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local following = arrival + tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.0f', following), 'PX', math.ceil((following - now) / 1000) + 5000)
return arrival - now

-- The next slot of the poll rate, however far ahead it is: GCRA on this server's clock.
-- KEYS 1 {sms}:rate:pull  string: theoretical arrival time of the next poll (µs); expires seconds after it
--      2 {sms}:halted    hash; until resumed
--      3 {sms}:circuit   hash; until a probe succeeds
-- ARGV 1 emission interval (µs)
-- Returns the µs until the slot that the caller now has, or -1 during a halt or an open circuit.
if redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then return -1 end
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local following = arrival + tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.0f', following), 'PX', math.ceil((following - now) / 1000) + 5000)
return arrival - now

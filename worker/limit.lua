-- One slot in the rate that all processes share: GCRA on this server's clock.
-- KEYS 1 sms:rate    string: theoretical arrival time of the next submit (µs); lives seconds past it
--      2 sms:halted  hash; lives until an operator resumes
-- ARGV 1 emission interval (µs)  2 tolerance (µs)  3 horizon (µs): a slot further away is not reserved
-- Returns {1, µs to wait} for a slot that is now the caller's, {0, µs until it is worth asking again}, {-1, 0} when halted.
if redis.call('EXISTS', KEYS[2]) == 1 then return {-1, 0} end
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local wait = math.max(0, arrival - tonumber(ARGV[2]) - now)
if wait > tonumber(ARGV[3]) then return {0, wait - tonumber(ARGV[3])} end
local following = arrival + tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.0f', following), 'PX', math.ceil((following - now) / 1000) + 5000)
return {1, wait}

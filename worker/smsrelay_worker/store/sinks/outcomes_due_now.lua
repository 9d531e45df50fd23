-- Makes outcomes due that wait for another try. What is due within a lease may be claimed, and comes soon anyway.
-- KEYS 1 {sms}:outcomes:SINK  sorted set: outcome by when it is due (ms), its failed tries / 1024 in the fraction
-- ARGV 1 lease (ms)  2 at most so many
-- Returns how many it moved; the caller calls again until there are none.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local after = string.format('(%.0f', now + tonumber(ARGV[1]) + 1)
local later = redis.call('ZRANGE', KEYS[1], after, '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
for at = 1, #later, 2 do
  redis.call('ZADD', KEYS[1], 'XX', string.format('%.10f', now + tonumber(later[at + 1]) % 1), later[at])
end
return #later / 2

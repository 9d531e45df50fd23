-- Takes due messages: moves each entry into the future by the caller's lease and leaves it in the schedule, so that a caller that is
-- killed right afterwards loses nothing. Only the message's next transition moves the entry for good.
-- KEYS 1 {sms}:agenda  sorted set, no lifetime
-- ARGV 1 at most so many  2 lease (ms)
-- Returns the ids.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local ids = redis.call('ZRANGE', KEYS[1], '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, ARGV[1])
for _, id in ipairs(ids) do
  redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', now + tonumber(ARGV[2])), id)
end
return ids

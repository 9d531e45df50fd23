-- Finds messages of one lane whose wake-up is lost, and notes that they are published again now.
-- A lane is first in, first out: what is older than the newest message begun, by more than the grace, was passed over; and when
-- the queue is empty, everything older than the grace was. So the cost follows the losses, not the backlog.
-- KEYS 1 sms:outbox:LANE  sorted set, no lifetime
--      2 sms:begun:LANE   string, no lifetime
-- ARGV 1 grace (ms)  2 at most so many  3 '1' when the queue is empty
-- Returns the ids.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local newest = tonumber(redis.call('GET', KEYS[2]) or 0)
if ARGV[3] == '1' then newest = now end
local ids = redis.call('ZRANGE', KEYS[1], '-inf', string.format('(%.0f', newest - tonumber(ARGV[1])), 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do
  redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', now), id)
end
return ids

-- Finds messages of one lane whose wake-up is lost, and gives each a new place at the end; the caller publishes them again.
-- Places are numbers in the order of publishing, and a lane is first in, first out. So a message is lost if it is still in the outbox
-- although a later one was taken at least the grace period ago. If the queue is empty, everything published before the grace period
-- that is still in the outbox is lost. Marks record how far the lane had got at which time, so the cost grows with the losses and not
-- with the backlog.
-- A place ending in .5 belongs to a republication. An earlier copy may still wait far ahead of that place in the queue, so taking
-- that copy says nothing about how far the lane has got.
-- KEYS 1 {sms}:outbox:LANE  sorted set, no lifetime
--      2 {sms}:taken:LANE   string, no lifetime
--      3 {sms}:marks:LANE   list of "now taken place", newest first; capped
--      4 {sms}:place        string: the last place given; no lifetime
-- ARGV 1 grace (ms)  2 at most so many  3 '1' if the queue is empty
-- Returns the ids.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local taken, place = redis.call('GET', KEYS[2]) or '0', redis.call('GET', KEYS[4]) or '0'

local passed
for number, mark in ipairs(redis.call('LRANGE', KEYS[3], 0, -1)) do
  local at, then_taken, then_place = string.match(mark, '(%d+) (%d+) (%d+)')
  if number == 1 and now - tonumber(at) < 500 then place = nil end -- there is a fresh mark already
  if tonumber(at) <= now - tonumber(ARGV[1]) then
    passed = ARGV[3] == '1' and '(' .. (tonumber(then_place) + 1) or '(' .. then_taken
    break
  end
end
if place then
  redis.call('LPUSH', KEYS[3], string.format('%.0f %s %s', now, taken, place))
  redis.call('LTRIM', KEYS[3], 0, 63)
end
if not passed then return {} end

local ids = redis.call('ZRANGE', KEYS[1], '-inf', passed, 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do
  redis.call('ZADD', KEYS[1], 'XX', redis.call('INCR', KEYS[4]) + 0.5, id)
end
return ids

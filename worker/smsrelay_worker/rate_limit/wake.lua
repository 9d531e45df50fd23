-- Makes messages due now that a halt put off, a chunk at a time: each step is whole, so that a crash between two leaves the rest here.
-- One that has moved on since, or was not put off by the halt at last, is let go as it is.
-- KEYS 1 sms:put_off  set: ids, no lifetime; every id is a message whose last move was to be put off by a halt
--      2 sms:agenda   sorted set, no lifetime
--      and sms:m:ID of each: hash
-- ARGV 1 at most so many
-- Returns how many ids were looked at.
local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
local ids = redis.call('SPOP', KEYS[1], ARGV[1])
for _, id in ipairs(ids) do
  local record = 'sms:m:' .. id
  local state, due = unpack(redis.call('HMGET', record, 'state', 'due'))
  if state == 'queued' and due and tonumber(due) > tonumber(now) then
    redis.call('HSET', record, 'due', now)
    redis.call('HINCRBY', record, 'rev', 1) -- who has read it with its old time decides again
    redis.call('ZADD', KEYS[2], 'XX', 'LT', now, id)
  end
end
return #ids

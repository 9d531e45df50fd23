-- Makes messages due now that a halt deferred, one chunk at a time: each step is atomic, so after a crash the rest is still here.
-- A message that has moved on since, or was last deferred for another reason, is left as it is.
-- KEYS 1 sms:put_off  set: ids, no expiry; each is a message whose last transition was to be deferred by a halt
--      2 sms:agenda   sorted set, no expiry
--      and sms:m:ID of each: hash
-- ARGV 1 most ids to take
-- Returns how many ids were taken.
local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
local ids = redis.call('SPOP', KEYS[1], ARGV[1])
for _, id in ipairs(ids) do
  local record = 'sms:m:' .. id
  local state, due = unpack(redis.call('HMGET', record, 'state', 'due'))
  if state == 'queued' and due and tonumber(due) > tonumber(now) then
    redis.call('HSET', record, 'due', now)
    redis.call('HINCRBY', record, 'rev', 1) -- a worker that read it with the old time decides again
    redis.call('ZADD', KEYS[2], 'XX', 'LT', now, id)
  end
end
return #ids

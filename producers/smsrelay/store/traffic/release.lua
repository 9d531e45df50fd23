-- Releases messages that a halt has deferred, one chunk at a time: each step is atomic, so after a crash the rest is still there.
-- They become due one after the other, at the rate, each lane by itself: the scheduler takes the longest overdue first, and a retry
-- of a code must not stand behind a million released messages. What would become due after its deadline goes between the others. A
-- message that has moved on since, or was last deferred for another reason, is left as it is.
-- KEYS 1 {sms}:halts:unfinished  hash, no lifetime: by part ('*': everything) what is to be done with its messages, as JSON: does
--                              ('release'), next (by lane: when the next one becomes due, ms)
--      2 {sms}:held:PART, or {sms}:put_off  set, no lifetime
--      3 {sms}:agenda            sorted set, no lifetime
--      4… {sms}:m:ID of some of its messages: hash
-- ARGV 1 the part  2 ms from one to the next  3… ids of these messages
-- Returns how many were taken, or -1 if the part is not to be released any more.
local value = redis.call('HGET', KEYS[1], ARGV[1])
local work = value and cjson.decode(value)
if not work or work.does ~= 'release' then return -1 end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local LAST_MINUTE = 60000 -- ms before its deadline at which a message becomes due at the latest; half of what is left, if that is less
local apart, following = tonumber(ARGV[2]), work.next or {}
local function ms(value) return string.format('%.0f', math.floor(value)) end

local taken = 0
for place = 3, #ARGV do
  local id, record = ARGV[place], KEYS[place + 1]
  local here = redis.call('SREM', KEYS[2], id) -- 0: another caller has taken it
  local state, due, lane, expires = unpack(redis.call('HMGET', record, 'state', 'due', 'lane', 'exp'))
  taken = taken + here
  if here == 1 and state == 'queued' and due and tonumber(due) > now then
    local at = math.max(now, tonumber(following[lane] or now))
    following[lane] = string.format('%.3f', at + apart)
    local left = tonumber(expires) - now
    local latest = now + math.floor(math.max(left - LAST_MINUTE, left / 2))
    if at > latest and latest > now then at = now + (at - now) % (latest - now) end
    redis.call('HSET', record, 'due', ms(at))
    redis.call('HINCRBY', record, 'rev', 1) -- a worker that read it with the old time decides again
    redis.call('HDEL', record, 'held')
    redis.call('ZADD', KEYS[3], 'XX', ms(math.min(at, tonumber(expires))), id)
  end
end
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('HDEL', KEYS[1], ARGV[1])
else
  work.next = following
  redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(work))
end
return taken

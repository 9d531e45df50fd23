-- Counts a report that brought out a fault of ours. After too many tries, or when nobody would try it again, it goes from the inbox to
-- what is kept for a person, in one step, so that it is always in one of the two.
-- KEYS 1 sms:reports        hash: report by its key; no lifetime
--      2 sms:outbox:status  sorted set: key by place; no lifetime
--      3 sms:reports:keys   sorted set: keys in the order of their letters; no lifetime
--      4 sms:reports:tries  hash: failed tries by key, -1 once it is kept; lives for the retention after the last failure
--      5 sms:undecodable    list, capped; lives for the retention after the last one
-- ARGV 1 key  2 at most so many tries  3 what is kept (JSON)  4 cap  5 retention (ms)
-- Returns 1 when it is kept by now, 0 when it is tried again.
local waits = redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1
local tries = tonumber(redis.call('HGET', KEYS[4], ARGV[1]) or 0)
if tries < 0 and not waits then return 1 end -- a copy that was still on its way
tries = math.max(tries, 0) + 1 -- one that was kept and is replayed begins anew
local keep = tries >= tonumber(ARGV[2]) or not waits
redis.call('HSET', KEYS[4], ARGV[1], keep and -1 or tries)
redis.call('PEXPIRE', KEYS[4], ARGV[5])
if not keep then return 0 end
redis.call('LPUSH', KEYS[5], ARGV[3])
redis.call('LTRIM', KEYS[5], 0, ARGV[4] - 1)
redis.call('PEXPIRE', KEYS[5], ARGV[5])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return 1

-- Counts a report whose processing raised an unexpected exception. After too many tries, or if nobody would try it again, it moves from
-- the inbox to the list that is kept for a person: in one step, so that it is always in exactly one of the two.
-- KEYS 1 {sms}:reports        hash: report by its key; no lifetime
--      2 {sms}:outbox:status  sorted set: key by place; no lifetime
--      3 {sms}:reports:keys   sorted set: keys in the order of their letters; no lifetime
--      4 {sms}:reports:tries  hash: failed tries by key, -1 once it is kept; lives for the retention after the last failure
--      5 {sms}:undecodable    list, capped; lives for the retention after the last one
--      6 {sms}:counts         hash: what has been counted, by series; no lifetime
-- ARGV 1 key  2 number of tries  3 what is kept (JSON)  4 cap  5 retention (ms)
-- Returns 1 if it is kept, 0 if it will be tried again.
local waits = redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1
local tries = tonumber(redis.call('HGET', KEYS[4], ARGV[1]) or 0)
if tries < 0 and not waits then return 1 end -- a copy that was still in the queue
tries = math.max(tries, 0) + 1 -- one that was kept and is replayed starts again at zero
local keep = tries >= tonumber(ARGV[2]) or not waits
redis.call('HSET', KEYS[4], ARGV[1], keep and -1 or tries)
redis.call('PEXPIRE', KEYS[4], ARGV[5])
if not keep then return 0 end
redis.call('LPUSH', KEYS[5], ARGV[3])
redis.call('LTRIM', KEYS[5], 0, ARGV[4] - 1)
redis.call('PEXPIRE', KEYS[5], ARGV[5])
if redis.call('HDEL', KEYS[1], ARGV[1]) == 1 then redis.call('HINCRBY', KEYS[6], 'callbacks|failed', 1) end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return 1

-- Keeps callbacks that could not be parsed, the newest, and counts each once, however often it is kept.
-- KEYS 1 {sms}:undecodable:callbacks  sorted set: callback (JSON) by when it came (ms); capped; lives for ARGV 2 after the last one
--      2 {sms}:counts                hash: what has been counted, by series; no lifetime
-- ARGV 1 cap  2 for how long each is kept (ms)  3 when the newest of these came (ms)  4… by turns: when it came (ms), and the callback
local new = redis.call('ZADD', KEYS[1], unpack(ARGV, 4))
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', tonumber(ARGV[3]) - tonumber(ARGV[2])))
local surplus = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[1])
if surplus > 0 then redis.call('ZREM', KEYS[1], unpack(redis.call('ZRANGE', KEYS[1], 0, surplus - 1))) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if new > 0 then redis.call('HINCRBY', KEYS[2], 'callbacks|undecodable', new) end
return new

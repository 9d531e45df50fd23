-- Records one accepted message, once.
-- KEYS 1 sms:m:ID        hash, no lifetime until the message is final
--      2 sms:p:ID        string, lives until the message expires
--      3 sms:agenda      sorted set, no lifetime
--      4 sms:outbox:LANE sorted set, no lifetime
--      5 sms:events      stream, capped
--      6 sms:place       string: the last place given in an outbox; no lifetime
-- ARGV 1 id  2 payload  3 expires_at (ms)  4 not_before (ms, or empty)  5 fingerprint  6 stream cap  7 lane
--      8… field value pairs of the record
-- Returns {1, "", ""} when it was recorded now; else {0, its fingerprint, its state}.
local known = redis.call('HMGET', KEYS[1], 'fp', 'state')
if known[1] then return {0, known[1], known[2]} end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local waits = ARGV[4] ~= '' and tonumber(ARGV[4]) > now
local rule = waits and 'not_before' or 'enqueued'

redis.call('HSET', KEYS[1], 'state', 'queued', 'try', 0, 'rev', 1, 'len', 1, 'at', now, 'exp', ARGV[3], 'fp', ARGV[5], 'lane', ARGV[7],
  't1', '+0|q|0||' .. rule .. '|', unpack(ARGV, 8))
redis.call('SET', KEYS[2], ARGV[2], 'PXAT', ARGV[3])
if waits then
  redis.call('HSET', KEYS[1], 'due', ARGV[4])
  redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1])
else
  redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
  redis.call('ZADD', KEYS[4], redis.call('INCR', KEYS[6]), ARGV[1])
end
redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[6], '*', 'id', ARGV[1], 'lane', ARGV[7], 'at', now, 'state', 'queued', 'try', 0,
  'code', '', 'rule', rule)
return {1, '', waits and 'waits' or 'queued'}

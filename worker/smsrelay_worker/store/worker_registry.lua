-- Says that a worker process is alive, or that it leaves, and forgets those that have been silent for too long.
-- KEYS 1 sms:workers  sorted set: process (JSON) by the instant (ms) it was last alive; lives as long as one of them
-- ARGV 1 process (JSON), or '' to look only  2 ms after which a silent one is gone  3 '1' when it leaves
-- Returns every process that is alive.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if ARGV[3] == '1' then redis.call('ZREM', KEYS[1], ARGV[1])
elseif ARGV[1] ~= '' then redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - tonumber(ARGV[2])))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZRANGE', KEYS[1], 0, -1)

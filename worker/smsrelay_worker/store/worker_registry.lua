-- Records a worker process's heartbeat, or that it leaves, and forgets processes that have been silent for too long.
-- KEYS 1 sms:workers  sorted set: process (JSON) by its last heartbeat (ms); lives as long as one of them
-- ARGV 1 process (JSON), or '' to read only  2 ms of silence after which a process is gone  3 '1' if it leaves
-- Returns all processes that are alive.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if ARGV[3] == '1' then redis.call('ZREM', KEYS[1], ARGV[1])
elseif ARGV[1] ~= '' then redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - tonumber(ARGV[2])))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZRANGE', KEYS[1], 0, -1)

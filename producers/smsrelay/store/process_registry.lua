-- Records a process's heartbeat, or that it leaves, and forgets processes that have been silent for too long. Reading writes nothing, so
-- it works while the store refuses writes.
-- KEYS 1 {sms}:workers or {sms}:receivers  sorted set: process (JSON) by its last heartbeat (ms); lives as long as one of them
-- ARGV 1 process (JSON), or '' for none  2 ms of silence after which a process is forgotten  3 the entry that goes, or ''
-- Returns now (ms), and then each process that is not forgotten with its last heartbeat (ms).
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local since = string.format('%.0f', now - tonumber(ARGV[2]))
if ARGV[3] ~= '' and ARGV[3] ~= ARGV[1] then redis.call('ZREM', KEYS[1], ARGV[3]) end
if ARGV[1] ~= '' then
  redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. since)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local answer = redis.call('ZRANGE', KEYS[1], since, '+inf', 'BYSCORE', 'WITHSCORES')
table.insert(answer, 1, now)
return answer

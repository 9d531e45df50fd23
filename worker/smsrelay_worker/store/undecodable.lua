-- Keeps a job, report or task that nobody can read, and counts a refused job: once, although the broker may deliver it again.
-- KEYS 1 {sms}:undecodable  list, capped; lives for the retention after the last one
--      2 {sms}:counts       hash: what has been counted, by series; no lifetime
-- ARGV 1 what is kept (JSON)  2 the part of it that tells it from others  3 cap  4 retention (ms)  5 why it was refused, or '': not counted
-- Returns 1 if it is kept now, 0 if it was one of the last ones kept.
for _, line in ipairs(redis.call('LRANGE', KEYS[1], 0, 19)) do
  if string.find(line, ARGV[2], 1, true) then return 0 end
end
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], 0, ARGV[3] - 1)
redis.call('PEXPIRE', KEYS[1], ARGV[4]) -- they hold phone numbers, so they must not stay for ever
if ARGV[5] ~= '' then redis.call('HINCRBY', KEYS[2], 'refused|' .. ARGV[5], 1) end
return 1

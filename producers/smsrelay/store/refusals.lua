-- Counts what a process has refused by itself, for the last few seconds: once, although its call may be repeated.
-- KEYS 1 {sms}:counts   hash: what has been counted, by series; no lifetime
--      2 {sms}:refused  set: what was counted lately; lives for a minute after the last one
--      3 {sms}:callbacks:refused  hash: refused callbacks, by reason; absent, for what is no callback
-- ARGV 1 a token of these counts  2 'last' (ms) in the hash of callbacks  3 its lifetime (ms)  4 a JSON object: fields of the counts
--      5 likewise, of the callbacks
if redis.call('SADD', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('PEXPIRE', KEYS[2], 60000)
for field, by in pairs(cjson.decode(ARGV[4])) do redis.call('HINCRBY', KEYS[1], field, by) end
if KEYS[3] then
  for reason, by in pairs(cjson.decode(ARGV[5])) do redis.call('HINCRBY', KEYS[3], reason, by) end
  redis.call('HSET', KEYS[3], 'last', ARGV[2])
  redis.call('PEXPIRE', KEYS[3], ARGV[3])
end
return 1

-- Removes reports that were applied, and records how far the workers have come. One call for many.
-- KEYS 1 sms:reports        hash: report by its key; no lifetime
--      2 sms:outbox:status  sorted set: key by place; no lifetime
--      3 sms:taken:status   string: the highest place applied; no lifetime
--      4 sms:reports:keys   sorted set: keys in lexicographic order; no lifetime
-- ARGV 1 '1' if they were applied in queue order: only then do they show how far the workers have come  2… keys
local keys = {unpack(ARGV, 2)}
local reached = tonumber(redis.call('GET', KEYS[3]) or 0)
local before = reached
for _, place in ipairs(redis.call('ZMSCORE', KEYS[2], unpack(keys))) do
  local first = place and tonumber(place) % 1 == 0 -- see worker/smsrelay_worker/store/lost.lua
  if first and tonumber(place) > reached then reached = tonumber(place) end
end
if ARGV[1] == '1' and reached > before then redis.call('SET', KEYS[3], string.format('%.0f', reached)) end
redis.call('ZREM', KEYS[2], unpack(keys))
redis.call('ZREM', KEYS[4], unpack(keys))
return redis.call('HDEL', KEYS[1], unpack(keys))

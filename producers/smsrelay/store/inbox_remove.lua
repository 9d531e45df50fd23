-- Removes reports that were applied, records how far the workers have come, and counts what became of the callbacks: here, because a
-- report leaves the inbox once, however often it is applied. One call for many.
-- KEYS 1 {sms}:reports        hash: report by its key; no lifetime
--      2 {sms}:outbox:status  sorted set: key by place; no lifetime
--      3 {sms}:taken:status   string: the highest place applied; no lifetime
--      4 {sms}:reports:keys   sorted set: keys in lexicographic order; no lifetime
--      5 {sms}:counts         hash: what has been counted, by series; no lifetime
-- ARGV 1 '1' if they were applied in queue order: only then do they show how far the workers have come
--      2… by turns: key, and what the callback counts as, or ''
local keys, by_result = {}, {}
for at = 2, #ARGV, 2 do
  local key, result = ARGV[at], ARGV[at + 1]
  keys[#keys + 1] = key
  by_result[result] = by_result[result] or {}
  table.insert(by_result[result], key)
end
local reached = tonumber(redis.call('GET', KEYS[3]) or 0)
local before = reached
for _, place in ipairs(redis.call('ZMSCORE', KEYS[2], unpack(keys))) do
  local first = place and tonumber(place) % 1 == 0 -- see worker/smsrelay_worker/store/lost.lua
  if first and tonumber(place) > reached then reached = tonumber(place) end
end
if ARGV[1] == '1' and reached > before then redis.call('SET', KEYS[3], string.format('%.0f', reached)) end
redis.call('ZREM', KEYS[2], unpack(keys))
redis.call('ZREM', KEYS[4], unpack(keys))
local removed = 0
for result, some in pairs(by_result) do
  local gone = redis.call('HDEL', KEYS[1], unpack(some))
  removed = removed + gone
  if gone > 0 and result ~= '' then redis.call('HINCRBY', KEYS[5], 'callbacks|' .. result, gone) end
end
return removed

-- A page of what waits. Reads alone. After ids.lua.
-- KEYS 1 {sms}:agenda, {sms}:held:PART or {sms}:campaign:ids:APP/NAME  sorted set, set or list, without lifetime, or as long as the campaign
-- ARGV 1 where the page begins: in the agenda "SCORE SKIP" (so many of that score were read), in a list a place, in a set a cursor;
--        what is none of its key's kind is the beginning
--      2 most messages to look at  3 what KEYS 1 is: zset, set or list
-- Returns {where the next page begins, or '' after the last one; ids …}.
local kind, size = ARGV[3], tonumber(ARGV[2])
local ids, following = {}, ''
if kind == 'zset' then
  local from, skip = string.match(ARGV[1], '^(%S+) (%d+)$')
  local found = redis.call('ZRANGE', KEYS[1], from or '-inf', '+inf', 'BYSCORE', 'LIMIT', skip or 0, size, 'WITHSCORES')
  for place = 1, #found, 2 do ids[#ids + 1] = found[place] end
  if #ids == size then
    local last, same = found[#found], 0
    for place = #found, 2, -2 do
      if found[place] ~= last then break end
      same = same + 1
    end
    if last == from then same = same + tonumber(skip) end
    following = last .. ' ' .. same
  end
elseif kind == 'list' then
  local from = math.min(tonumber(ARGV[1]) or 0, 1e12)
  for _, bytes in ipairs(redis.call('LRANGE', KEYS[1], from, from + size - 1)) do ids[#ids + 1] = unpacked(bytes) end
  if #ids == size then following = tostring(from + size) end
elseif kind == 'set' then
  local answer = redis.call('SSCAN', KEYS[1], string.match(ARGV[1], '^%d+$') or '0', 'COUNT', size)
  following, ids = answer[1] == '0' and '' or answer[1], answer[2]
end

return {following, unpack(ids)}

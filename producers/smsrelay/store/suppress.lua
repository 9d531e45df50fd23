-- Puts numbers on suppression lists. A number that is on its list already stays as it is, under the newest key from now on.
-- KEYS 1 sms:suppressed         hash, no lifetime
--      2 sms:suppressed:counts  hash, no lifetime
-- ARGV 1 JSON: for each number and list: list, since (ms; 0: now), source, name of the first digest's key, the number's digests: by
--        the newest key first
-- Returns for each 1 if it is new, 0 if it was known.
local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
local answer = {}

local function count(list, key_name, by)
  local field = list .. '|' .. key_name
  if redis.call('HINCRBY', KEYS[2], field, by) <= 0 then redis.call('HDEL', KEYS[2], field) end
end

for place, entry in ipairs(cjson.decode(ARGV[1])) do
  local list, since, source, key_name = unpack(entry)
  local fields, known = {}, nil
  for digest = 5, #entry do fields[#fields + 1] = entry[digest] .. '|' .. list end
  local found = redis.call('HMGET', KEYS[1], unpack(fields))
  for older = #fields, 1, -1 do
    if found[older] then
      known = found[older]
      local at, by, name = string.match(known, '^(%d+)|([^|]*)|(.*)$')
      if older > 1 then redis.call('HDEL', KEYS[1], fields[older])
      elseif key_name == '' then key_name = name end
      count(list, name, -1)
      since, source = at, by
    end
  end
  local value = (tonumber(since) == 0 and now or string.format('%.0f', since)) .. '|' .. source .. '|' .. key_name
  redis.call('HSET', KEYS[1], fields[1], value)
  count(list, key_name, 1)
  answer[place] = known and 0 or 1
end
return answer

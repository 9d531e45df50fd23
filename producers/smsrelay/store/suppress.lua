-- Puts numbers on suppression lists. A number that is on its list already stays as it is, under the newest key from now on.
-- KEYS 1 {sms}:suppressed         hash, no lifetime
--      2 {sms}:suppressed:counts  hash, no lifetime
-- ARGV 1 JSON: for each number and list: list, since (ms; 0: now), source, name of the first digest's key, the number's digests: by
--        the newest key first; at most 500, and 4 digests each, which unpack can still hand on
-- Returns for each 1 if it is new, 0 if it was known.
-- All are read by one command and written by another: a command for each number would hold everybody up for much longer.
local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
local entries, fields = cjson.decode(ARGV[1]), {}
for _, entry in ipairs(entries) do
  for digest = 5, #entry do fields[#fields + 1] = entry[digest] .. '|' .. entry[1] end
end
local found, values = redis.call('HMGET', KEYS[1], unpack(fields)), {}
for place, field in ipairs(fields) do values[field] = found[place] end

local answer, counts, changed = {}, {}, {}
local function count(list, key_name, by)
  local field = list .. '|' .. key_name
  counts[field] = (counts[field] or 0) + by
end
local function write(field, value)
  values[field] = value
  changed[field] = true
end

for place, entry in ipairs(entries) do
  local list, since, source, key_name = unpack(entry)
  local newest, known = entry[5] .. '|' .. list, nil
  for digest = #entry, 5, -1 do
    local field = entry[digest] .. '|' .. list
    if values[field] then
      known = values[field]
      local at, by, name = string.match(known, '^(%d+)|([^|]*)|(.*)$')
      if field ~= newest then write(field, false)
      elseif key_name == '' then key_name = name end
      count(list, name, -1)
      since, source = at, by
    end
  end
  local value = (tonumber(since) == 0 and now or string.format('%.0f', since)) .. '|' .. source .. '|' .. key_name
  if values[newest] ~= value then write(newest, value) end
  count(list, key_name, 1)
  answer[place] = known and 0 or 1
end

local set, gone = {}, {}
for field in pairs(changed) do
  if values[field] then
    set[#set + 1] = field
    set[#set + 1] = values[field]
  else gone[#gone + 1] = field end
end
if #set > 0 then redis.call('HSET', KEYS[1], unpack(set)) end
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
for field, by in pairs(counts) do
  if by ~= 0 and redis.call('HINCRBY', KEYS[2], field, by) <= 0 then redis.call('HDEL', KEYS[2], field) end
end
return answer

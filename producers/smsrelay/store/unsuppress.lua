-- Takes numbers off suppression lists, under whichever key they are there.
-- KEYS 1 {sms}:suppressed         hash, no lifetime
--      2 {sms}:suppressed:counts  hash, no lifetime
-- ARGV 1 JSON: for each number and list: list, the number's digests; at most 500, and 4 digests each
-- Returns for each 1 if it was there, else 0.
local entries, fields, lists, places = cjson.decode(ARGV[1]), {}, {}, {}
for place, entry in ipairs(entries) do
  for digest = 2, #entry do
    fields[#fields + 1] = entry[digest] .. '|' .. entry[1]
    lists[#fields], places[#fields] = entry[1], place
  end
end
local answer, gone, counts, seen = {}, {}, {}, {}
for place = 1, #entries do answer[place] = 0 end
for number, known in ipairs(redis.call('HMGET', KEYS[1], unpack(fields))) do
  local field = fields[number]
  if known and not seen[field] then
    seen[field] = true
    gone[#gone + 1] = field
    local counted = lists[number] .. '|' .. string.match(known, '[^|]*$')
    counts[counted] = (counts[counted] or 0) + 1
    answer[places[number]] = 1
  end
end
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
for field, by in pairs(counts) do
  if redis.call('HINCRBY', KEYS[2], field, -by) <= 0 then redis.call('HDEL', KEYS[2], field) end
end
return answer

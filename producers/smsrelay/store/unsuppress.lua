-- Takes numbers off suppression lists, under whichever key they are there.
-- KEYS 1 sms:suppressed         hash, no lifetime
--      2 sms:suppressed:counts  hash, no lifetime
-- ARGV 1 JSON: for each number and list: list, the number's digests
-- Returns for each 1 if it was there, else 0.
local answer = {}
for place, entry in ipairs(cjson.decode(ARGV[1])) do
  local list = entry[1]
  answer[place] = 0
  for digest = 2, #entry do
    local field = entry[digest] .. '|' .. list
    local known = redis.call('HGET', KEYS[1], field)
    if known then
      redis.call('HDEL', KEYS[1], field)
      local count = list .. '|' .. string.match(known, '[^|]*$')
      if redis.call('HINCRBY', KEYS[2], count, -1) <= 0 then redis.call('HDEL', KEYS[2], count) end
      answer[place] = 1
    end
  end
end
return answer

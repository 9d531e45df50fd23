-- Which records have certain fields: in one round trip, and with little for the client to parse. Reads alone.
-- KEYS {sms}:m:ID of each: hash
-- ARGV 1 JSON: by field of a record (app: default if absent) the values that match
-- Returns the places of those that match, from 0.
local wanted, names, answer = cjson.decode(ARGV[1]), {}, {}
for name in pairs(wanted) do names[#names + 1] = name end
local function matches(record)
  for place, value in ipairs(redis.call('HMGET', record, unpack(names))) do
    if not value and names[place] == 'app' then value = 'default' end
    if not value or not wanted[names[place]][value] then return false end
  end
  return true
end
for place, record in ipairs(KEYS) do
  if matches(record) then answer[#answer + 1] = place - 1 end
end
return answer

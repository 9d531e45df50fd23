-- Records reports until they are applied, each once however often it arrives in between. One call for many.
-- KEYS 1 {sms}:reports        hash: report by its key; no lifetime
--      2 {sms}:outbox:status  sorted set: key by place; no lifetime
--      3 {sms}:place          string: the last place assigned; no lifetime
--      4 {sms}:reports:keys   sorted set: keys in lexicographic order; no lifetime
-- ARGV key, report (JSON), and so on
local count = #ARGV / 2
local last = redis.call('INCRBY', KEYS[3], count)
local places, names = {}, {}
for number = 1, count do
  local key = ARGV[2 * number - 1]
  places[2 * number - 1], places[2 * number] = string.format('%.0f', last - count + number), key
  names[2 * number - 1], names[2 * number] = 0, key
end
redis.call('HSET', KEYS[1], unpack(ARGV))
redis.call('ZADD', KEYS[2], unpack(places))
redis.call('ZADD', KEYS[4], unpack(names))
return count

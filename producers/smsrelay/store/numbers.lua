-- Reads a page of the index of numbers: the messages of one number. Drops the entries whose record is gone. After ids.lua.
-- KEYS 1 {sms}:n:XX or {sms}:n:XXX  sorted set, see number_index.lua; its lifetime stays as it is
-- ARGV 1 the part of the number's digest with which its entries begin
--      2 place of the first entry to look at, from 0, the highest score first
--      3 how many entries to look at
-- Returns {place of the next page, or -1 behind the last one, id, …}; a record may be gone since a minute ago.
local digest, first, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
-- They are at the end, so no place changes.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', math.floor(redis.call('TIME')[1] / 60)))
local entries = redis.call('ZREVRANGE', KEYS[1], first, first + most - 1)
local answer = {#entries == most and first + most or -1}
for _, entry in ipairs(entries) do
  if string.sub(entry, 1, #digest) == digest then answer[#answer + 1] = unpacked(string.sub(entry, #digest + 1)) end
end
return answer

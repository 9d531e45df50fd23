-- Reads a page of the index of numbers: the messages of one number. Drops its entries whose record is gone. After ids.lua.
-- KEYS 1 sms:n:XX or sms:n:XXX  sorted set, see number_index.lua; its lifetime stays as it is
-- ARGV 1 the part of the number's digest with which its entries begin
--      2 place of the first entry to look at, from 0, the highest score first
--      3 how many entries to look at
--      4 what the key of a record begins with
-- Returns {place of the next page, or -1 behind the last one, id, …}.
local digest, first, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local entries = redis.call('ZREVRANGE', KEYS[1], first, first + most - 1)
local answer, gone = {-1}, {}
for _, entry in ipairs(entries) do
  if string.sub(entry, 1, #digest) == digest then
    local id = unpacked(string.sub(entry, #digest + 1))
    if redis.call('EXISTS', ARGV[4] .. id) == 1 then answer[#answer + 1] = id else gone[#gone + 1] = entry end
  end
end
if #gone > 0 then redis.call('ZREM', KEYS[1], unpack(gone)) end
if #entries == most then answer[1] = first + most - #gone end
return answer

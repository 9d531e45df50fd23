-- Notes once that the recipient used a message's code, and counts the code among those used of the day it was accepted on.
-- KEYS 1 {sms}:m:ID   hash: the record; its lifetime stays as it is
--      2 {sms}:codes  hash: codes accepted and used, by day and country, see outbox.lua; lives for nine days after the last
-- ARGV 1 how many days are counted, today among them  2 lifetime of {sms}:codes (ms)
-- Returns when that was (ms): now, or the first time; nothing if there is no such message.
local state, known, accepted_at, lane, test, country = unpack(
  redis.call('HMGET', KEYS[1], 'state', 'used', 'at', 'lane', 'test', 'cc'))
if not state then return false end
if known then return tonumber(known) end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('HSET', KEYS[1], 'used', string.format('%.0f', now))

local day, today = math.floor(tonumber(accepted_at) / 86400000), math.floor(now / 86400000)
if lane == 'otp' and not test and day > today - tonumber(ARGV[1]) then
  redis.call('HINCRBY', KEYS[2], string.format('%d used %s', day, country or '86'), 1)
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return now

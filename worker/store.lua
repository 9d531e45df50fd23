-- Applies one transition to the very record it was decided on.
-- KEYS 1 sms:m:ID         hash; lives for the retention once it is final
--      2 sms:p:ID         string; dropped when no further attempt can come
--      3 sms:agenda       sorted set, no lifetime
--      4 sms:outbox:LANE  sorted set, no lifetime
--      5 sms:place        string: the last place given in an outbox; no lifetime
--      6 sms:events       stream, capped
--      7 sms:unlisted     hash, no lifetime
--      8 sms:dead         sorted set: id by the instant it failed or ended unknown; swept after the retention
--      9 sms:x:EXTERNAL   string, lives for the retention; absent, with the next, when the transition brings no external id
--      10 sms:parked:EXTERNAL  list: reports that came before this id was known; lives for the retention
-- ARGV 1 a JSON list of texts, one in place of twenty-four that a client would have to write singly:
--      1 id  2 revision it was decided on  3 state  4 attempt  5 wake (ms, 'keep' or 'never')  6 due (ms or '')
--      7 '1' into the outbox  8 '1' keep the payload  9 retention (ms)  10 external id or ''
--      11 owner or ''  12 '1' silent  13 line: attempt  14 line: code  15 line: rule  16 line: updated_on or ''
--      17 stream cap  18 lane  19 '1' count the code as unlisted  20 lines folded into this one
--      21 why or ''  22 counts or ''  23 state as a line spells it  24 '1' forget sms:x: of the external id it has by now
-- Returns {now (ms), 1 when reports wait for the external id} when applied; nothing in it when the record has moved on or is gone.
-- The record it leaves is the one that Transition.applied_to tells.
local ARGV = cjson.decode(ARGV[1])
local id = ARGV[1]
local known = redis.call('HMGET', KEYS[1], 'rev', 'len', 'ext', 'exp', 'at')
if known[1] ~= ARGV[2] then return {} end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- A worker that stood still decided on a time that is over; it reads this clock and decides again.
if ARGV[3] == 'submitting' and now >= tonumber(known[4]) then return {} end
local function set(field, value)
  if value == '' then redis.call('HDEL', KEYS[1], field) else redis.call('HSET', KEYS[1], field, value) end
end

if ARGV[12] ~= '1' then
  local length = tonumber(known[2]) + 1 - tonumber(ARGV[20])
  for folded = length + 1, tonumber(known[2]) do redis.call('HDEL', KEYS[1], 't' .. folded) end
  local line = string.format('%+.0f|%s|%s|%s|%s|%s', now - tonumber(known[5]), ARGV[23], ARGV[13], ARGV[14], ARGV[15], ARGV[16])
  redis.call('HSET', KEYS[1], 'state', ARGV[3], 'try', ARGV[4], 'rev', tonumber(ARGV[2]) + 1, 'len', length, 't' .. length, line)
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[17], '*', 'id', id, 'lane', ARGV[18], 'at', string.format('%.0f', now),
    'state', ARGV[3], 'try', ARGV[13], 'code', ARGV[14], 'rule', ARGV[15])
end
set('due', ARGV[6])
if ARGV[11] ~= '' then redis.call('HSET', KEYS[1], 'own', ARGV[11], 'beg', string.format('%.0f', now)) redis.call('HDEL', KEYS[1], 'ext') end
if ARGV[3] == 'delivered' and ARGV[12] ~= '1' then redis.call('HDEL', KEYS[1], 'own', 'beg') end
if ARGV[21] ~= '' then redis.call('HSET', KEYS[1], 'why', ARGV[21]) end
if ARGV[22] ~= '' then redis.call('HSET', KEYS[1], 'cnt', ARGV[22]) end

if ARGV[5] == 'never' then redis.call('ZREM', KEYS[3], id)
elseif ARGV[5] ~= 'keep' then redis.call('ZADD', KEYS[3], ARGV[5], id) end

-- A half: not the first publication, see lost.lua.
if ARGV[7] == '1' then redis.call('ZADD', KEYS[4], redis.call('INCR', KEYS[5]) + 0.5, id)
elseif ARGV[5] ~= 'keep' then redis.call('ZREM', KEYS[4], id) end

if ARGV[10] ~= '' and ARGV[10] ~= known[3] and ARGV[13] == ARGV[4] then
  redis.call('HSET', KEYS[1], 'ext', ARGV[10])
  redis.call('SET', KEYS[9], id .. ':' .. ARGV[13], 'PX', ARGV[9])
end
if ARGV[24] == '1' then
  local ext = redis.call('HGET', KEYS[1], 'ext')
  if ext then redis.call('UNLINK', 'sms:x:' .. ext) end
end
if ARGV[19] == '1' then redis.call('HINCRBY', KEYS[7], ARGV[14], 1) end
if ARGV[3] == 'failed' or ARGV[3] == 'unknown' then
  if ARGV[5] ~= 'keep' then redis.call('ZADD', KEYS[8], now, id) end
  redis.call('ZREMRANGEBYSCORE', KEYS[8], '-inf', string.format('%.0f', now - tonumber(ARGV[9])))
else
  redis.call('ZREM', KEYS[8], id)
end
if ARGV[8] ~= '1' then redis.call('UNLINK', KEYS[2]) end
if ARGV[5] == 'never' then redis.call('PEXPIRE', KEYS[1], ARGV[9])
elseif ARGV[5] ~= 'keep' then redis.call('PERSIST', KEYS[1]) end
return {now, ARGV[10] ~= '' and redis.call('EXISTS', KEYS[10]) or 0}

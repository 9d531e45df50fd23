-- After halts.lua. Claims a message's wake-up for a worker and reads the message. While claimed, the wake-up does not count as lost. If the worker dies,
-- the claim runs out and the message is due in the agenda. Claiming again extends the claim.
-- KEYS 1 {sms}:m:ID         hash; lives for the retention once it is final
--      2 {sms}:p:ID         string; lives until the message expires
--      3 {sms}:parked:ID    list: reports that arrived before the message was known; lives for the retention
--      4 {sms}:agenda       sorted set, no lifetime
--      5 {sms}:reports:keys  sorted set: keys of the reports in the inbox, see producers/smsrelay/store/inbox.py; no lifetime
--      6 {sms}:halts        hash, no lifetime
--      7… {sms}:outbox:LANE (sorted set), {sms}:taken:LANE (string), both without lifetime, for each lane in ARGV
-- ARGV 1 id  2 how long the claim lasts (ms)  3 name of the default app  4… lanes
-- Returns {record as JSON [field, value, …], payload or false, now (ms), 1 if reports are parked,
--   1 if the message is to be attempted again and reports on it wait in the inbox,
--   and, if it is queued and a part of the traffic that it belongs to is halted, what bars it, that part, and until (ms)}.
local id = ARGV[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local state, lane, due, expires, attempt, external, template, app, campaign, country, test, spent = unpack(redis.call('HMGET', KEYS[1],
  'state', 'lane', 'due', 'exp', 'try', 'ext', 'tpl', 'app', 'cmp', 'cc', 'test', 'fz'))

local function waits(begin) -- } follows | in ASCII
  return #redis.call('ZRANGE', KEYS[5], '[' .. begin .. '|', '(' .. begin .. '}', 'BYLEX', 'LIMIT', 0, 1) > 0
end
local again = state == 'queued' and tonumber(attempt) > 0
local reported = again and (waits(id) or (external and waits('||' .. external)))

if state == 'queued' and (not due or tonumber(due) <= now) then
  local outbox, taken
  for place = 4, #ARGV do
    if ARGV[place] == lane then outbox, taken = KEYS[2 * place - 1], KEYS[2 * place] end
  end
  local place = redis.call('ZSCORE', outbox, id)
  if place then
    redis.call('ZREM', outbox, id)
    local first = tonumber(place) % 1 == 0 -- see lost.lua
    if first and tonumber(redis.call('GET', taken) or 0) < tonumber(place) then redis.call('SET', taken, place) end
  end
  redis.call('ZADD', KEYS[4], string.format('%.0f', math.min(now + tonumber(ARGV[2]), tonumber(expires))), id)
end
local halt
if state == 'queued' and not test and redis.call('EXISTS', KEYS[6]) == 1 then
  app = app or ARGV[3]
  local parts = {'lane:' .. lane, 'template:' .. template, 'app:' .. app, 'country:' .. app .. '/' .. (country or '86')}
  if campaign then parts[5] = 'campaign:' .. app .. '/' .. campaign end
  halt = halted_part(KEYS[6], parts, tonumber(attempt) > 0, now, spent)
end
return {cjson.encode(redis.call('HGETALL', KEYS[1])), redis.call('GET', KEYS[2]), now, redis.call('EXISTS', KEYS[3]), reported and 1 or 0,
  halt and halt[1], halt and halt[2], halt and halt[3]}

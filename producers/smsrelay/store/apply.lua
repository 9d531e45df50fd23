-- Applies one transition to the very record it was decided on. After ids.lua, number_index.lua, caps.lua and halts.lua.
-- KEYS 1 {sms}:m:ID         hash; lives for the retention once it is final
--      2 {sms}:p:ID         string; dropped when no further attempt can come
--      3 {sms}:agenda       sorted set, no lifetime
--      4 {sms}:outbox:LANE  sorted set, no lifetime
--      5 {sms}:place        string: the last place given in an outbox; no lifetime
--      6 {sms}:events       stream, capped
--      7 {sms}:unlisted     hash, no lifetime
--      8 {sms}:dead         sorted set: id by the instant it failed or ended unknown; swept after the retention
--      9 {sms}:expired      sorted set: the same for what expired
--      10 {sms}:put_off     set: ids of the messages that a halt has deferred
--      11 {sms}:counts      hash, no lifetime: what has been counted, by series
--      12 {sms}:x:EXTERNAL  string, lives for the retention; absent, with the next, when the transition brings no external id
--      13 {sms}:parked:EXTERNAL  list: reports that arrived before this id was known; lives for the retention
--      then what ARGV 33 names by its place
--      and at the end, if a sink may have to be told (ARGV 28): its outbox {sms}:outcomes:SINK (sorted set, no lifetime); or {sms}:sinks
--      (hash: by app, the kind of sink of each state; no lifetime) and the outboxes APP.webhook and APP.celery
-- ARGV 1 a JSON list of strings, because one argument is cheaper for the client to write than thirty:
--      1 id  2 revision it was decided on  3 state  4 attempt  5 wake (ms, 'keep' or 'never')  6 due (ms or '')
--      7 '1' into the outbox  8 '1' keep the payload  9 retention (ms)  10 external id or ''
--      11 owner or ''  12 '1' silent  13 line: attempt  14 line: code  15 line: rule  16 line: updated_on or ''
--      17 stream cap  18 lane  19 '1' count the code as unlisted  20 lines folded into this one
--      21 why or ''  22 counts or ''  23 state as a line spells it  24 '1' deferred by a halt
--      25 owner it was decided on or ''  26 '1' the external id is the last attempt's  27 the vendor's message, or ''
--      28 '' no sink is told, '1' the one whose outbox is the last key, '?' the one in {sms}:sinks
--      29 the app, to find it there  30 how many lines it had when it was decided on  31 the instant of the last one (ms)
--      32 a list of what is counted: a field of {sms}:counts and by how much, by turns
--      33 an object of what few transitions need, each with the place of its key:
--        number, digest        the first of {sms}:n:XX, {sms}:n:XXX (sorted sets): the record's lifetime begins or ends
--        campaign              {sms}:campaign:APP/NAME (hash)
--        caps, entry           the first of {sms}:caps:WHO (lists), and lane, template and app of the attempt; digests: how many lists
--        counted               'settled' or 'returned': what becomes of the entry of the attempt that ends
--        halts, parts          {sms}:halts (hash), and the parts that must not be halted, or the one that still must be (held)
--        held, left            {sms}:held:PART (set): joined, or left; kind: the first word of the part that is joined
--        suppressed, join      {sms}:suppressed (hash): a field and the end of its value; and, next to it, a field of
--                              {sms}:suppressed:counts (hash)
--        lists                 fields of {sms}:suppressed that must not exist
--        closes                ms: the begin must come before
--        forgets               {sms}:x:EXTERNAL (string) of its current external id, which goes
--        fuse, spent           {sms}:fuse:DAY (hash): field, most, until (ms)
--        limits, lasts         caps that must not be reached (caps.lua), and the longest window (ms); late: ms after a begin at which
--                              its submit comes at the latest
-- Returns {now (ms), 1 if reports are parked under the external id, 1 if a sink is told} if applied; an empty table if the record has
-- changed or is gone; {-1, what bars it, name, until (ms)} if it is a begin and something bars it.
-- The record it leaves behind is the one that Transition.applied_to returns.
local ARGV = cjson.decode(ARGV[1])
local id, state, wake = ARGV[1], ARGV[3], ARGV[5]
local revision, length, external, expires_at, accepted_at, before, due, owner, begun_at, reserved_at, spent, failed_by, last = unpack(
  redis.call('HMGET', KEYS[1], 'rev', 'len', 'ext', 'exp', 'at', 'state', 'due', 'own', 'beg', 'cap', 'fz', 'fby', 't' .. ARGV[30]))
if revision ~= ARGV[2] or (owner or '') ~= ARGV[25] then return {} end
-- A store that lost its last writes gives out the same revisions again, to other lines. Most records omit the first one.
if accepted_at + string.match(last or '+0', '^[^|]+') ~= tonumber(ARGV[31]) then return {} end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- A worker that stalled has decided with an old clock; it reads the clock again and decides again.
if state == 'submitting' and now >= tonumber(expires_at) then return {} end
local ms, told = string.format('%.0f', now), ARGV[12] ~= '1'
local more = ARGV[33] or {}
if more.held then
  local halt = redis.call('HGET', KEYS[more.halts], more.parts[1])
  if not halt or cjson.decode(halt).kind == 'cancelled' then return {} end -- resumed in between, or cancelled: nobody would release it
end

local lists = {}
for place = 1, more.digests or 1 do lists[place] = KEYS[(more.caps or 0) + place - 1] end
local function entry(at) return string.format('%.0f %s', at, more.entry) end

-- What bars a begin now: its kind, name and until (ms).
local function bar()
  local halt = halted_part(KEYS[more.halts], more.parts, ARGV[4] ~= '1', now, spent)
  if halt then return unpack(halt) end
  if more.closes and now >= more.closes then return 'closed', '', 0 end
  if more.lists then
    for number, found in ipairs(redis.call('HMGET', KEYS[more.suppressed], unpack(more.lists))) do
      if found then return 'suppressed', string.match(more.lists[number], '|(.*)'), 0 end
    end
  end
  if more.fuse and not spent then
    local field, most, till = unpack(more.spent)
    if tonumber(redis.call('HGET', KEYS[more.fuse], field) or 0) >= most then return 'fuse', 'country:' .. field, till end
  end
  if more.limits then
    local by, free = capped(attempts_in(lists, reserved_at and entry(reserved_at)), more.limits, now)
    if by then return 'cap', by, free end
  end
end
if state == 'submitting' and more.halts then
  local barred, name, till = bar()
  if barred then return {-1, barred, name, till} end
end

local fields, gone = {}, {}
local function set(...)
  for _, part in ipairs({...}) do fields[#fields + 1] = part end
end
local function drop(...)
  for _, name in ipairs({...}) do gone[#gone + 1] = name end
end
local outbox = ARGV[28] == '1' and KEYS[#KEYS] or nil
if ARGV[28] == '?' then
  local sinks = redis.call('HGET', KEYS[#KEYS - 2], ARGV[29])
  local kind = sinks and cjson.decode(sinks)[state]
  if kind then outbox = KEYS[kind == 'webhook' and #KEYS - 1 or #KEYS] end
end
if told then
  local number = tonumber(length) + 1 - tonumber(ARGV[20])
  for folded = number + 1, tonumber(length) do drop('t' .. folded) end
  local code, rule = ARGV[14], ARGV[15]
  if rule == (state == 'queued' and 'enqueued' or state == 'submitting' and 'begun') then rule = ''
  elseif rule == 'submit.' .. code then rule = '^'
  elseif rule == 'status.' .. code then rule = '=' end
  local line = string.format('%+.0f|%s|%s|%s|%s|%s', now - tonumber(accepted_at), ARGV[23], ARGV[13] == '1' and '' or ARGV[13], code, rule,
    ARGV[16])
  line = string.gsub(line, '|+$', '')
  set('state', state, 'try', ARGV[4], 'rev', tonumber(ARGV[2]) + 1, 'len', number, 't' .. number, line)
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[17], '*', 'id', id, 'lane', ARGV[18], 'at', ms,
    'state', state, 'try', ARGV[13], 'code', ARGV[14], 'rule', ARGV[15])
  if outbox then
    local revised = tonumber(ARGV[2]) + 1
    set('out', revised .. ':' .. number)
    redis.call('ZADD', outbox, ms, table.concat({id, revised, ARGV[23], ARGV[13], ARGV[14], ARGV[15], ms}, '|'))
  end
end
if ARGV[6] ~= '' then set('due', ARGV[6]) elseif due then drop('due') end
if ARGV[11] ~= '' then
  set('own', ARGV[11], 'beg', ms)
  drop('ext')
end
if ARGV[27] ~= '' then set('msg', ARGV[27]) end
if state == 'delivered' and told then drop('own', 'beg', 'exp', 'msg') end
if ARGV[21] ~= '' then set('why', ARGV[21]) end
if ARGV[22] ~= '' then set('cnt', ARGV[22]) end
if more.caps and reserved_at and (state == 'submitting' or wake == 'never') then
  redis.call('LREM', lists[1], 1, entry(reserved_at))
  drop('cap')
end
if state == 'submitting' and more.lasts then count_attempt(lists[1], entry(now + more.late), now, more.lasts) end
if more.counted and begun_at then
  local latest = begun_at + more.late
  if redis.call('LREM', lists[1], -1, entry(latest)) > 0 and more.counted == 'settled' then
    redis.call('RPUSH', lists[1], entry(math.min(latest, now)))
  end
end
if more.fuse and not spent and state == 'submitting' then
  redis.call('HINCRBY', KEYS[more.fuse], more.spent[1], 1)
  redis.call('PEXPIRE', KEYS[more.fuse], 172800000)
  set('fz', 1)
end
if more.left then
  redis.call('SREM', KEYS[more.left], id)
  drop('held')
end
if more.held then
  redis.call('SADD', KEYS[more.held], id)
  set('held', more.kind)
end
if more.join and redis.call('HSETNX', KEYS[more.suppressed], more.join[1], ms .. more.join[2]) == 1 then
  redis.call('HINCRBY', KEYS[more.suppressed + 1], more.join[3], 1)
end
if more.campaign and told then
  if before ~= state then
    redis.call('HINCRBY', KEYS[more.campaign], 's:' .. before, -1)
    redis.call('HINCRBY', KEYS[more.campaign], 's:' .. state, 1)
  end
  if wake ~= 'keep' then -- no note: a newer report may have changed the code alone
    if failed_by then
      redis.call('HINCRBY', KEYS[more.campaign], 'c:' .. failed_by, -1)
      drop('fby')
    end
    if state == 'failed' then
      redis.call('HINCRBY', KEYS[more.campaign], 'c:' .. ARGV[14], 1)
      set('fby', ARGV[14])
    end
  end
end
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
if ARGV[10] ~= '' and ARGV[10] ~= external then
  redis.call('SET', KEYS[12], id .. ':' .. ARGV[13], 'PX', ARGV[9])
  if ARGV[26] == '1' then set('ext', ARGV[10]) end
end
if #fields > 0 then redis.call('HSET', KEYS[1], unpack(fields)) end
if more.forgets then redis.call('UNLINK', KEYS[more.forgets]) end

if wake == 'never' then redis.call('ZREM', KEYS[3], id)
elseif wake ~= 'keep' then redis.call('ZADD', KEYS[3], wake, id) end

-- Only a queued message can be in an outbox, or deferred by a halt.
if ARGV[24] == '1' then redis.call('SADD', KEYS[10], id)
elseif wake ~= 'keep' and before == 'queued' then redis.call('SREM', KEYS[10], id) end
-- Half a place: not the first publication, see lost.lua.
if ARGV[7] == '1' then redis.call('ZADD', KEYS[4], redis.call('INCR', KEYS[5]) + 0.5, id)
elseif wake ~= 'keep' and before == 'queued' then redis.call('ZREM', KEYS[4], id) end

if ARGV[19] == '1' then redis.call('HINCRBY', KEYS[7], ARGV[14], 1) end
-- After the revision was compared, so once, however often this runs.
for at = 1, #ARGV[32], 2 do redis.call('HINCRBY', KEYS[11], ARGV[32][at], ARGV[32][at + 1]) end
local kept = {failed = 8, unknown = 8, expired = 9}
local was, is = kept[before], kept[state]
if was and was ~= is then redis.call('ZREM', KEYS[was], id) end
if is then
  if wake ~= 'keep' then redis.call('ZADD', KEYS[is], ms, id) end
  redis.call('ZREMRANGEBYSCORE', KEYS[is], '-inf', string.format('%.0f', now - tonumber(ARGV[9])))
end
if ARGV[8] ~= '1' then redis.call('UNLINK', KEYS[2]) end
if wake == 'never' then redis.call('PEXPIRE', KEYS[1], ARGV[9])
elseif wake ~= 'keep' and (kept[before] or before == 'delivered' or before == 'cancelled') then redis.call('PERSIST', KEYS[1]) end
if more.number then
  keep_indexed(KEYS[more.number], KEYS[more.number + 1], more.digest, id, now, wake == 'never' and now + tonumber(ARGV[9]) or nil)
end
return {now, ARGV[10] ~= '' and redis.call('EXISTS', KEYS[13]) or 0, outbox and 1 or 0}

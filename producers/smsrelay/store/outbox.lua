-- Records accepted messages, each once; atomic. If this Redis is also the broker, the call includes the tasks for the workers and
-- publishes them. After ids.lua, number_index.lua, caps.lua, halts.lua and counts.lua.
-- KEYS 1 {sms}:agenda      sorted set, no lifetime
--      2 {sms}:events      stream, capped
--      3 {sms}:place       string: the last place assigned in an outbox; no lifetime
--      4 {sms}:limits      hash, no lifetime
--      5 {sms}:suppressed  hash, no lifetime
--      6 {sms}:halts       hash, no lifetime
--      7 {sms}:codes       hash: codes accepted and used, by day and country; lives for nine days after the last
--      8 {sms}:campaigns   sorted set, no lifetime; each entry is dropped 41 days after its campaign's last message
--      9 {sms}:counts      hash, no lifetime: what has been counted, by series
--      10 {sms}:refused    set: ids of messages refused lately; lives for a minute after the last one
--      11… {sms}:outbox:LANE  sorted set, no lifetime; one for each name in ARGV 2
--      then, for each message:
--        {sms}:m:ID        hash, no lifetime until the message is final
--        {sms}:p:ID        string, lives until the message expires
--        {sms}:n:XX, {sms}:n:XXX  sorted sets, see number_index.lua
--        {sms}:caps:WHO    list, of a code only: one for each of its recipient's digests
--      then, for each campaign in ARGV 5:
--        {sms}:campaign:APP/NAME, {sms}:campaign:ids:APP/NAME  hash and list; both live for 41 days after the campaign's last message
--      and, with tasks, for each name in ARGV 2:
--        sms.LANE        list: the broker's queue
-- ARGV 1 stream cap
--      2 JSON: lanes, in the order of KEYS
--      3 JSON: for each message, in the order of KEYS: id  payload  expires_at (ms)  not_before (ms, or empty)  fingerprint (a list
--        while keys are replaced: by each key, the newest first)  lane  template  app (empty for the default)  who (the number's
--        digest; a list while keys are replaced)  reference (or empty), and perhaps an object: fields (further fields of the record,
--        name and value by turns: tags, traceparent), sig (the signature), cmp (the campaign), cc (the country, if not 86), win ('0': any
--        hour). One argument, because packing and unpacking ten for each message costs more than the rest
--      4 '1' a code over its cap is refused
--      5 JSON: campaigns (APP/NAME) of these messages
--      6 name of the default app
--      7… a task for each lane in ARGV 2, for all messages of that lane in this call; or nothing, and nothing is published. A task is
--        not published if one of its messages needs no attempt now: it was refused, has been begun, its reference was used for other
--        content, or it is not due yet.
-- Returns a line "place|new|fingerprint|state" for each message (place from 0) that was known before or is not due yet, and
-- "place|2|what bars it|name|ms until it would pass, 0 for nobody knows" for each that was refused; the others were recorded by this call and are queued.
local LONGEST = 41 * 86400000 -- ms: a message waits for up to 30 days and 7 more, and is kept for about three
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local lanes, outboxes, due, answer, added, unpublished = cjson.decode(ARGV[2]), {}, {}, {}, 0, {}
local messages, campaigns = cjson.decode(ARGV[3]), cjson.decode(ARGV[5])
local queues = #KEYS - #lanes

local function is_known(recorded, fp)
  if type(fp) == 'string' then return recorded == fp end
  for _, one in ipairs(fp) do
    if recorded == one then return true end
  end
  return false
end

-- What apps must comply with, by app: the countries that they may text, and the caps on codes.
local known_limits = {}
local function limits_of(app)
  if not known_limits[app] then
    local everyone, own, caps, lasts = unpack(redis.call('HMGET', KEYS[4], 'countries', 'countries:' .. app, 'otp', 'lasts'))
    known_limits[app] = {countries = own or everyone, caps = caps and cjson.decode(caps), lasts = tonumber(lasts or 0)}
  end
  return known_limits[app]
end

-- The published caps that may bar this code, as caps.lua takes them.
local function caps_of(caps, template, app)
  local own = {}
  for _, cap in ipairs(caps) do
    local name, count, window, cap_lanes, templates, per, offset = unpack(cap)
    if matches(templates, template) then
      local since, till = 0, 0
      if offset then -- a clock window, in a zone that is so many ms ahead of UTC
        since = math.floor((now + offset) / window) * window - offset
        window, till = 0, since + window
      end
      own[#own + 1] = {name, count, window, since, till, cap_lanes, per == 'number+template' and {template} or templates,
        per == 'number+app' and app or ''}
    end
  end
  return own
end

-- Why a number that asked for nothing more may not be texted: the list that it is on.
local function suppressing(digests, app, sig)
  local lists, fields = {'*', 'app:' .. app, sig and 'sig:' .. sig}, {}
  for _, digest in ipairs(digests) do
    for _, list in ipairs(lists) do fields[#fields + 1] = digest .. '|' .. list end
  end
  for number, found in ipairs(redis.call('HMGET', KEYS[5], unpack(fields))) do
    if found then return lists[(number - 1) % #lists + 1] end
  end
end

-- Counts a refused message, which leaves no record, once: not again when a caller whose answer was lost asks again.
local function count_refused(id, barred, by)
  if redis.call('SADD', KEYS[10], id) == 0 then return end
  redis.call('PEXPIRE', KEYS[10], 60000)
  redis.call('HINCRBY', KEYS[9], 'refused|' .. barred .. (barred == 'cap' and ' capped|' .. by or ''), 1)
end

local accepted = {} -- by app and lane: how many messages
local counted = {} -- by campaign: how many messages were accepted
for _, lane in ipairs(lanes) do outboxes[lane] = {} end
local sums = {} -- codes by country

local at = 11 + #lanes
for number, message in ipairs(messages) do
  local id, content, expires_at, not_before, fp, lane, tpl, app, who, ref, more = unpack(message)
  local digests, named = type(who) == 'string' and {who} or who, app == '' and ARGV[6] or app
  local record, payload, numbers, fuller = KEYS[at], KEYS[at + 1], KEYS[at + 2], KEYS[at + 3]
  at = at + 4
  local lists = {}
  if lane == 'otp' then
    for _ = 1, #digests do
      lists[#lists + 1] = KEYS[at]
      at = at + 1
    end
  end
  more = more or {}
  local test, country, campaign = more.test, more.cc or '86', more.cmp and named .. '/' .. more.cmp

  local function bar()
    if test then return end
    local limits = limits_of(named)
    if limits.countries and not string.find(limits.countries, ' ' .. country .. ' ', 1, true) then return 'country', country, 0 end
    if campaign then
      local halt = halted_part(KEYS[6], {'campaign:' .. campaign}, false, now)
      if halt and halt[1] == 'cancelled' then return halt[1], halt[2], 0 end
    end
    if lane == 'marketing' then
      local list = suppressing(digests, named, more.sig)
      if list then return 'suppressed', list, 0 end
    elseif lane == 'otp' and limits.caps and ARGV[4] == '1' then
      local by, free = capped(attempts_in(lists), caps_of(limits.caps, tpl, named), now)
      if by then return 'cap', by, free - now end
    end
  end

  local known = redis.call('HMGET', record, 'fp', 'state')
  local barred, by, free
  if not known[2] then barred, by, free = bar() end
  if known[2] then
    answer[#answer + 1] = string.format('%d|0|%s|%s', number - 1, known[1] or '', known[2])
    if known[2] ~= 'queued' or not is_known(known[1] or '', fp) then unpublished[lane] = true end
  elseif barred then
    answer[#answer + 1] = string.format('%d|2|%s|%s|%.0f', number - 1, barred, by, free)
    unpublished[lane] = true
    count_refused(id, barred, by)
  else
    local waits = not_before ~= '' and not_before > now
    local rule = waits and 'not_before' or 'enqueued'
    local fields = {'state', 'queued', 'try', 0, 'rev', 1, 'len', 1, 'at', now, 'exp', expires_at, 'lane', lane,
      'tpl', tpl, 'who', digests[1]}
    local function set(name, value) fields[#fields + 1] = name; fields[#fields + 1] = value end
    if app ~= '' then set('app', app) end
    if ref ~= '' then set('ref', ref); set('fp', type(fp) == 'string' and fp or fp[1]) end
    if country ~= '86' then set('cc', country) end
    if more.cmp then set('cmp', more.cmp) end
    if test then set('test', 1) end
    if more.win then
      set('win', more.win)
      rule = waits and 'not_before, window ignored' or 'window ignored'
    end
    for _, field in ipairs(more.fields or {}) do fields[#fields + 1] = field end
    if waits then set('due', not_before) end
    if rule ~= 'enqueued' then set('t1', '+0|q|0||' .. rule) end
    if not test then
      accepted[named] = accepted[named] or {}
      accepted[named][lane] = (accepted[named][lane] or 0) + 1
    end
    if lane == 'otp' and not test then
      sums[country] = (sums[country] or 0) + 1
      local limits = limits_of(named)
      if limits.caps and ARGV[4] == '1' then -- its attempt counts from now on, so that the next code is refused before this one begins
        count_attempt(lists[1], attempt_entry(now, lane, tpl, named), now, limits.lasts)
        set('cap', now)
      end
    end
    redis.call('HSET', record, unpack(fields))
    redis.call('SET', payload, content, 'PXAT', expires_at)
    index_number(numbers, fuller, digests[1], id)
    if campaign then
      counted[campaign] = counted[campaign] or {}
      table.insert(counted[campaign], packed(id))
    end
    due[#due + 1] = waits and not_before or expires_at
    due[#due + 1] = id
    if waits then
      answer[#answer + 1] = string.format('%d|1||waits', number - 1)
      unpublished[lane] = true
    else
      added = added + 1
      local entries = outboxes[lane]
      entries[#entries + 1] = added
      entries[#entries + 1] = id
    end
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], '*', 'id', id, 'lane', lane, 'at', now, 'state', 'queued', 'try', 0,
      'code', '', 'rule', rule)
  end
end

for place, campaign in ipairs(campaigns) do
  local ids, counts, list = counted[campaign], KEYS[at + 2 * place - 2], KEYS[at + 2 * place - 1]
  if ids then
    redis.call('HSETNX', counts, 'since', now)
    redis.call('HINCRBY', counts, 'accepted', #ids)
    redis.call('HINCRBY', counts, 's:queued', #ids)
    redis.call('RPUSH', list, unpack(ids))
    redis.call('PEXPIRE', counts, LONGEST)
    redis.call('PEXPIRE', list, LONGEST)
    redis.call('ZADD', KEYS[8], now, campaign)
    redis.call('ZREMRANGEBYSCORE', KEYS[8], '-inf', now - LONGEST)
  end
end

for app, of_app in pairs(accepted) do
  for lane, sum in pairs(of_app) do count_named(KEYS[9], 'accepted', 'app', app, '|' .. lane, sum) end
end

for country, sum in pairs(sums) do
  local day = math.floor(now / 86400000)
  if redis.call('HINCRBY', KEYS[7], day .. ' accepted ' .. country, sum) == sum then -- the first of this day
    redis.call('PEXPIRE', KEYS[7], 9 * 86400000)
    for _, field in ipairs(redis.call('HKEYS', KEYS[7])) do
      if tonumber(string.match(field, '^%d+')) < day - 8 then redis.call('HDEL', KEYS[7], field) end
    end
  end
end

if #due > 0 then redis.call('ZADD', KEYS[1], unpack(due)) end
local base = added > 0 and redis.call('INCRBY', KEYS[3], added) - added
for number, lane in ipairs(lanes) do
  local entries = outboxes[lane]
  for place = 1, #entries, 2 do entries[place] = base + entries[place] end
  if #entries > 0 then redis.call('ZADD', KEYS[10 + number], unpack(entries)) end
  if ARGV[6 + number] and not unpublished[lane] then redis.call('LPUSH', KEYS[queues + number], ARGV[6 + number]) end
end
return answer

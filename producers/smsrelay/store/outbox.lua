-- Records accepted messages, each once; atomic. If this Redis is also the broker, the call includes the tasks for the workers and
-- publishes them.
-- KEYS 1 sms:agenda      sorted set, no lifetime
--      2 sms:events      stream, capped
--      3 sms:place       string: the last place assigned in an outbox; no lifetime
--      4… sms:outbox:LANE  sorted set, no lifetime; one for each name in ARGV 2
--      then, a pair for each message:
--        sms:m:ID        hash, no lifetime until the message is final
--        sms:p:ID        string, lives until the message expires
--      and, with tasks, for each name in ARGV 2:
--        sms.LANE        list: the broker's queue
-- ARGV 1 stream cap
--      2 JSON: lanes, in the order of KEYS
--      3 JSON: for each message, in the order of KEYS: id  payload  expires_at (ms)  not_before (ms, or empty)  fingerprint (a list
--        while keys are replaced: by each key, the newest first)  lane  template  app (empty for the default)  who (recipient hash)
--        reference (or empty), then further fields of the record, name and value by turns: tags, test. One argument, because packing
--        and unpacking ten for each message costs more than the rest
--      4… a task for each lane in ARGV 2, for all messages of that lane in this call; or nothing, and nothing is published. A task is
--        not published if one of its messages needs no attempt now: it has been begun, its reference was used for other content, or it
--        is not due yet.
-- Returns a line "place|new|fingerprint|state" for each message (place from 0) that was known before or is not due yet; the others
-- were recorded by this call and are queued.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local lanes, outboxes, due, answer, added, unpublished = cjson.decode(ARGV[2]), {}, {}, {}, 0, {}
local queues = #KEYS - #lanes

local function is_known(recorded, fp)
  if type(fp) == 'string' then return recorded == fp end
  for _, one in ipairs(fp) do
    if recorded == one then return true end
  end
  return false
end

for _, lane in ipairs(lanes) do outboxes[lane] = {} end

for number, message in ipairs(cjson.decode(ARGV[3])) do
  local record, payload = KEYS[2 + #lanes + 2 * number], KEYS[3 + #lanes + 2 * number]
  local id, content, expires_at, not_before, fp, lane, tpl, app, who, ref = unpack(message)
  local known = redis.call('HMGET', record, 'fp', 'state')
  if known[2] then
    answer[#answer + 1] = string.format('%d|0|%s|%s', number - 1, known[1] or '', known[2])
    if known[2] ~= 'queued' or not is_known(known[1] or '', fp) then unpublished[lane] = true end
  else
    local waits = not_before ~= '' and not_before > now
    local rule = waits and 'not_before' or 'enqueued'
    local fields = {'state', 'queued', 'try', 0, 'rev', 1, 'len', 1, 'at', now, 'exp', expires_at, 'lane', lane,
      'tpl', tpl, 'who', who}
    local function set(name, value) fields[#fields + 1] = name; fields[#fields + 1] = value end
    if app ~= '' then set('app', app) end
    if ref ~= '' then set('ref', ref); set('fp', type(fp) == 'string' and fp or fp[1]) end
    for at = 11, #message do fields[#fields + 1] = message[at] end
    if waits then set('due', not_before); set('t1', '+0|q|0||not_before') end
    redis.call('HSET', record, unpack(fields))
    redis.call('SET', payload, content, 'PXAT', expires_at)
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

if #due > 0 then redis.call('ZADD', KEYS[1], unpack(due)) end
local base = added > 0 and redis.call('INCRBY', KEYS[3], added) - added
for number, lane in ipairs(lanes) do
  local entries = outboxes[lane]
  for at = 1, #entries, 2 do entries[at] = base + entries[at] end
  if #entries > 0 then redis.call('ZADD', KEYS[3 + number], unpack(entries)) end
  if ARGV[3 + number] and not unpublished[lane] then redis.call('LPUSH', KEYS[queues + number], ARGV[3 + number]) end
end
return answer

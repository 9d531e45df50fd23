-- Forgets messages of a recipient: those that are final lose payload, digest and index entry. After ids.lua.
-- A message that is not final is left as it is: it is still to be sent, or its answer has to be recorded.
-- KEYS 1 {sms}:n:XX, 2 {sms}:n:XXX   sorted sets, which go when their last record does
--      3… for each message: {sms}:m:ID (hash) and {sms}:p:ID (string); they keep their lifetimes
-- ARGV 1 digest  2 final states as a JSON object  3… ids of messages that the index has under the digest
-- Returns {messages forgotten, then for each state in which messages are left: the state and their number}.
local final = cjson.decode(ARGV[2])
local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
local forgotten, left, states = 0, {}, {}
for place = 3, #ARGV do
  local id, record, payload = ARGV[place], KEYS[2 * place - 3], KEYS[2 * place - 2]
  local state = redis.call('HGET', record, 'state')
  if state and not final[state] then
    if not left[state] then states[#states + 1] = state end
    left[state] = (left[state] or 0) + 1
  else
    for index = 1, 2 do redis.call('ZREM', KEYS[index], string.sub(ARGV[1], index + 2) .. packed(id)) end
    redis.call('UNLINK', payload)
    if state then
      forgotten = forgotten + 1
      redis.call('HSET', record, 'who', '')
      redis.call('HINCRBY', record, 'rev', 1) -- a replay that was decided on the record before is decided again
      -- A newer report may still ask for another attempt, for which there is no number any more: its deadline is over.
      if state == 'failed' or state == 'unknown' then redis.call('HSET', record, 'exp', now) end
    end
  end
end
local answer = {forgotten}
for _, state in ipairs(states) do
  answer[#answer + 1] = state
  answer[#answer + 1] = left[state]
end
return answer

-- Forgets a recipient: of the messages under one digest, those that are final lose payload, digest and index entry. After ids.lua.
-- A message that is not final is left as it is: it is still to be sent, or its answer has to be recorded.
-- KEYS 1 sms:n:XX, 2 sms:n:XXX   sorted sets, which go when their last record does
--      and, by the ids in them: sms:m:ID (hash) and sms:p:ID (string); they keep their lifetimes
-- ARGV 1 digest  2 final states as a JSON object  3 how many messages to forget at most
-- Returns {messages forgotten, 1 if there may be more, then for each state in which messages are left: the state and their number}.
local final, most = cjson.decode(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
local forgotten, left, states = 0, {}, {}
for place = 1, 2 do
  local digest = string.sub(ARGV[1], place + 2)
  for _, member in ipairs(redis.call('ZRANGE', KEYS[place], 0, -1)) do
    if string.sub(member, 1, #digest) == digest then
      local id = unpacked(string.sub(member, #digest + 1))
      local record = 'sms:m:' .. id
      local state = redis.call('HGET', record, 'state')
      if state and not final[state] then
        if not left[state] then states[#states + 1] = state end
        left[state] = (left[state] or 0) + 1
      elseif forgotten == most then
        return {forgotten, 1}
      else
        redis.call('ZREM', KEYS[place], member)
        redis.call('UNLINK', 'sms:p:' .. id)
        if state then
          forgotten = forgotten + 1
          redis.call('HSET', record, 'who', '')
          redis.call('HINCRBY', record, 'rev', 1) -- a replay that was decided on the record before is decided again
          -- A newer report may still ask for another attempt, for which there is no number any more: its deadline is over.
          if state == 'failed' or state == 'unknown' then redis.call('HSET', record, 'exp', now) end
        end
      end
    end
  end
end
local answer = {forgotten, 0}
for _, state in ipairs(states) do
  answer[#answer + 1] = state
  answer[#answer + 1] = left[state]
end
return answer

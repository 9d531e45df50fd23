-- Which of some records are final, and what tells one version of them from another. Reads alone.
-- KEYS {sms}:m:ID of each: hash
-- ARGV the final states
-- Returns for each that is final: its place from 0, when it was accepted (ms), revision, its last line, '1' if its code was used.
local final, answer = {}, {}
for _, state in ipairs(ARGV) do final[state] = true end
for place, record in ipairs(KEYS) do
  local state, at, revision, length, used = unpack(redis.call('HMGET', record, 'state', 'at', 'rev', 'len', 'used'))
  if state and final[state] then
    answer[#answer + 1] = {place - 1, at, revision, redis.call('HGET', record, 't' .. length) or '', used and '1' or ''}
  end
end
return answer

-- Counts messages against the quotas of one API key, for all processes of the API.
-- KEYS 1 {sms}:quota:ID   hash: the minute and day (since the epoch, UTC) of the counts, and the counts; lives for two days
-- ARGV 1 messages a minute, or ''  2 messages a day, or ''
--      3… how many messages each request would enqueue
-- Returns for each request 0, 1 if it is over the quota a minute, 2 if it is over that a day; at the end the seconds until the next
-- minute, and until the next day. A request is counted whole or not at all.
local clock = redis.call('TIME')
local second = tonumber(clock[1])
local minute, day = math.floor(second / 60), math.floor(second / 86400)
local known = redis.call('HMGET', KEYS[1], 'm', 'mn', 'd', 'dn')
local in_minute = known[1] == tostring(minute) and tonumber(known[2]) or 0
local in_day = known[3] == tostring(day) and tonumber(known[4]) or 0
local a_minute, a_day = tonumber(ARGV[1]), tonumber(ARGV[2])
local answer = {}
for number = 3, #ARGV do
  local count = tonumber(ARGV[number])
  if a_day and in_day + count > a_day then answer[#answer + 1] = 2
  elseif a_minute and in_minute + count > a_minute then answer[#answer + 1] = 1
  else
    in_minute, in_day = in_minute + count, in_day + count
    answer[#answer + 1] = 0
  end
end
redis.call('HSET', KEYS[1], 'm', minute, 'mn', in_minute, 'd', day, 'dn', in_day)
redis.call('PEXPIRE', KEYS[1], 172800000)
answer[#answer + 1] = 60 - second % 60
answer[#answer + 1] = 86400 - second % 86400
return answer

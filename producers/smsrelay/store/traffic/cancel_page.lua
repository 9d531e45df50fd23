-- The next page of a cancelled campaign's messages, to one caller at a time. After ids.lua. A page counts as done when its caller
-- asks for the next one; the page of a caller that was killed is given to another when the lease is over. When all are done, what a
-- pause still holds is left to release.lua: an attempt of it has begun, so it goes on.
-- KEYS 1 {sms}:halts:unfinished  hash, no lifetime: by part what is to be done with its messages, as JSON: does ('cancel'), walked (how
--                              many of the campaign's messages are done), by (who has the next page), till (ms)
--      2 {sms}:campaign:ids:APP/NAME  list; lives for 41 days after the campaign's last message
--      3 {sms}:held:PART         set, no lifetime
-- ARGV 1 the part  2 the caller  3 most messages to look at  4 lease (ms)  5 where the page ended that the caller has done, or 0
-- Returns {what it is: 1 a page, 0 all is done, -1 another has it; how many are done, how many there are, how many the page has,
-- and their ids …}.
local total = redis.call('LLEN', KEYS[2])
local value = redis.call('HGET', KEYS[1], ARGV[1])
local work = value and cjson.decode(value)
if not work or work.does ~= 'cancel' then return {0, total, total} end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local lease = tonumber(ARGV[4])
if work.by ~= ARGV[2] then
  if work.till and now < work.till and work.till <= now + lease then return {-1, work.walked, total} end
else
  work.walked = math.max(work.walked, tonumber(ARGV[5]))
end
local page = redis.call('LRANGE', KEYS[2], work.walked, work.walked + tonumber(ARGV[3]) - 1)
if #page == 0 then
  if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('HSET', KEYS[1], ARGV[1], '{"does":"release"}')
  else redis.call('HDEL', KEYS[1], ARGV[1]) end
  return {0, total, total}
end
work.by, work.till = ARGV[2], now + lease
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(work))
local answer = {1, work.walked, total}
for _, bytes in ipairs(page) do answer[#answer + 1] = unpacked(bytes) end
return answer

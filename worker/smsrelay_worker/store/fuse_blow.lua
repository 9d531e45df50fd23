-- Halts an app's traffic to one country until the day ends, because the app has sent as many messages there as its fuse allows.
-- KEYS 1 {sms}:halts     hash, no lifetime
--      2 {sms}:fuse:DAY  hash: messages begun that day, by APP/COUNTRY; lives for two days
-- ARGV 1 the part of the traffic: country:APP/COUNTRY  2 APP/COUNTRY  3 most messages a day  4 DAY  5 when the day ends (ms)
-- Returns 2 if it is halted from now on, 1 if it was halted before, 0 if the count is below the fuse: it was resumed.
if tonumber(redis.call('HGET', KEYS[2], ARGV[2]) or 0) < tonumber(ARGV[3]) then return 0 end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local halt = redis.call('HGET', KEYS[1], ARGV[1])
halt = halt and cjson.decode(halt)
if halt and not (halt['until'] and halt['until'] <= now) then return 1 end -- an operator's halt stays as it is
redis.call('HSET', KEYS[1], ARGV[1], string.format('{"since":%.0f,"kind":"fuse","until":%.0f,"day":"%s","most":%d}',
  now, tonumber(ARGV[5]), ARGV[4], tonumber(ARGV[3])))
return 2

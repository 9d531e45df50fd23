-- Counts how submits ended. Too many failures open the circuit; a probe that succeeds closes it, and ends a halt.
-- KEYS 1 {sms}:answers   hash: answered and failed by second (aSECOND, fSECOND); expires a second after the window
--      2 {sms}:circuit   hash, see limiter.lua: since, probe, wait (ms); until a probe succeeds
--      3 {sms}:halted    hash, see limiter.lua: since, code, probe (ms), wait (0: an operator's); until resumed
--      4 {sms}:resumed   string: when submits last resumed (ms); no expiry
-- ARGV 1 answered  2 failed  3 'good' or 'bad' probe, or ''  4 ms between probes of a halt  5 where a bad probe's slot begins (µs),
--      or ''  6 window (s)  7 failures that open the circuit  8 ms until its first probe  9 longest ms between probes (circuit.py)
-- Returns 'opened', 'closed' or ''.
local WINDOW, FAILURES, FIRST_PROBE, LONGEST_PROBE = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local clock = redis.call('TIME')
local second, now = tonumber(clock[1]), tonumber(clock[1]) * 1e3 + math.floor(tonumber(clock[2]) / 1e3)
local function ms(value) return string.format('%.0f', value) end
if ARGV[3] == 'good' then
  redis.call('DEL', KEYS[1])
  local by_operator = redis.call('HGET', KEYS[3], 'wait') == '0' -- no probe ends it
  local ended = redis.call('DEL', KEYS[2])
  if not by_operator then ended = ended + redis.call('DEL', KEYS[3]) end
  if ended == 0 then return '' end
  redis.call('SET', KEYS[4], ms(now))
  return 'closed'
end
local wait = tonumber(redis.call('HGET', KEYS[2], 'wait'))
if ARGV[3] == 'bad' then
  -- Counted from when the probe was sent: one that hung says how the vendor was then, and must not delay the next one.
  local sent = math.min(now, (tonumber(ARGV[5]) or now * 1e3) / 1e3)
  local function again(key, after)
    redis.call('HSET', key, 'probe', ms(math.max(tonumber(redis.call('HGET', key, 'probe') or 0), sent + after)))
  end
  if wait then
    wait = math.min(LONGEST_PROBE, 2 * wait)
    redis.call('HSET', KEYS[2], 'wait', ms(wait))
    again(KEYS[2], wait)
  end
  if redis.call('EXISTS', KEYS[3]) == 1 then again(KEYS[3], tonumber(ARGV[4])) end
  return ''
end
if wait then return '' end -- open: only probes count

redis.call('HINCRBY', KEYS[1], 'a' .. second, ARGV[1])
redis.call('HINCRBY', KEYS[1], 'f' .. second, ARGV[2])
redis.call('PEXPIRE', KEYS[1], (WINDOW + 1) * 1000)
local sum, all = {a = 0, f = 0}, redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local kind, at = string.sub(all[i], 1, 1), tonumber(string.sub(all[i], 2))
  if math.abs(second - at) < WINDOW then sum[kind] = sum[kind] + tonumber(all[i + 1]) else redis.call('HDEL', KEYS[1], all[i]) end
end
if sum.f < FAILURES or sum.f < sum.a then return '' end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[2], 'since', ms(now), 'wait', ms(FIRST_PROBE), 'probe', ms(now + FIRST_PROBE))
return 'opened'

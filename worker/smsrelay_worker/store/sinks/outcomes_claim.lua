-- Claims due outcomes of several sinks: moves each to the end of the lease and leaves it in its outbox, so that a claimer that is killed
-- loses nothing.
-- KEYS {sms}:outcomes:SINK  sorted set: outcome by when it is due (ms), its failed tries / 1024 in the fraction; one for each sink
-- ARGV 1 lease (ms)  2… at most so many, for each sink
-- Returns for each sink {end of the lease (ms), outcome, failed tries, and so on}.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local claimed, before = {}, string.format('(%.0f', now + 1) -- whatever the fraction
for number, outbox in ipairs(KEYS) do
  local due = redis.call('ZRANGE', outbox, '-inf', before, 'BYSCORE', 'LIMIT', 0, ARGV[number + 1], 'WITHSCORES')
  local taken, moved = {now + tonumber(ARGV[1])}, {}
  for at = 1, #due, 2 do
    local fraction = tonumber(due[at + 1]) % 1
    taken[at + 1], taken[at + 2] = due[at], fraction * 1024
    moved[at], moved[at + 1] = string.format('%.10f', taken[1] + fraction), due[at]
  end
  if #due > 0 then redis.call('ZADD', outbox, 'XX', unpack(moved)) end
  claimed[number] = taken
end
return claimed

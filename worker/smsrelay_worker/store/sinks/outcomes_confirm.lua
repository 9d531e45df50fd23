-- Tells which claims are still their claimer's, for long enough. One that is its claimer's and ends too soon is made due again,
-- and comes first: its score is when it happened.
-- KEYS {sms}:outcomes:SINK  sorted set: outcome by when it is due (ms), its failed tries / 1024 in the fraction; one for each claim
-- ARGV 1 how long a claim has to last from now on (ms)  2… for each claim: outcome, end of its lease (ms), failed tries
-- Returns 1 or 0 for each claim.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local confirmed = {}
for number, outbox in ipairs(KEYS) do
  local outcome, lease, fraction = ARGV[3 * number - 1], tonumber(ARGV[3 * number]), tonumber(ARGV[3 * number + 1]) / 1024
  local score = redis.call('ZSCORE', outbox, outcome)
  local ours = score and tonumber(score) == lease + fraction
  local lasts = lease >= now + tonumber(ARGV[1])
  if ours and not lasts then
    local happened = string.match(outcome, '|(%d+)$')
    redis.call('ZADD', outbox, 'XX', string.format('%.10f', happened + fraction), outcome)
  end
  confirmed[number] = ours and lasts and 1 or 0
end
return confirmed

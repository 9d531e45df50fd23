-- Claims due outcomes of several sinks: moves each to the end of the lease and leaves it in its outbox, so that a claimer that is killed
-- loses nothing. What has been due the longest comes first. In a backlog, up to half of a claim is what happened earlier and became due
-- only lately: what was tried, or claimed by a process that died, would otherwise wait for the whole backlog once more, each time.
-- KEYS {sms}:outcomes:SINK  sorted set: outcome by when it is due (ms), its failed tries / 1024 in the fraction; one for each sink
-- ARGV 1 lease (ms)  2… at most so many, for each sink; 0: one that tells whether the sink takes anything: of the first that are due, the
--      one that has failed least, for those that fail every time say nothing of the others
-- Returns for each sink {end of the lease (ms), outcome, failed tries, and so on}.
local BACKLOG, LATEST = 5000, 256 -- ms for which the first must have been due; how many of those that are due last are looked at
local FIRST = 64 -- how many are looked at for the one that has failed least
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local claimed, before = {}, string.format('(%.0f', now + 1) -- whatever the fraction

local function put_older_in(outbox, due)
  local first, known, at = tonumber(due[2]), {}, #due - 1
  for place = 1, #due, 2 do known[due[place]] = true end
  local last_kept = 2 * math.floor((#due / 2 + clock[2] % 2) / 2) -- of an odd number, the middle one goes either way
  local latest = redis.call('ZRANGE', outbox, before, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, LATEST, 'WITHSCORES')
  for place = #latest - 1, 1, -2 do -- of these, too, what has been due the longest
    local happened = tonumber(string.match(latest[place], '|(%d+)$'))
    if at > last_kept and happened and happened < first and not known[latest[place]] then
      due[at], due[at + 1], at = latest[place], latest[place + 1], at - 2
    end
  end
end

local function least_failed(due)
  local best = 1
  for place = 3, #due, 2 do
    if tonumber(due[place + 1]) % 1 < tonumber(due[best + 1]) % 1 then best = place end
  end
  return {due[best], due[best + 1]}
end

for number, outbox in ipairs(KEYS) do
  local most = tonumber(ARGV[number + 1])
  local due = redis.call('ZRANGE', outbox, '-inf', before, 'BYSCORE', 'LIMIT', 0, most == 0 and FIRST or most, 'WITHSCORES')
  if most == 0 and #due > 0 then due = least_failed(due)
  elseif #due > 0 and #due == 2 * most and tonumber(due[2]) < now - BACKLOG then put_older_in(outbox, due) end
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

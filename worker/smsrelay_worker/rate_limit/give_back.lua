-- Takes back slots that will not be used. In the shared rate they become free again only if they are the last ones granted; else
-- they lapse. A template's own rate gets its part of each in any case, because it is a count and has no slots behind it.
-- KEYS 1 {sms}:rate   hash, see limiter.lua; and back:TEMPLATE, where the last slot ended that was given back to the template (µs)
--      2 {sms}:rates  hash, see limiter.lua
-- ARGV 1 where the last run of slots begins (µs)  2 where it ends (µs)  3 template  4 sum of the costs of all of them
--      5 margin, see limiter.lua  6 µs by which two instants may differ and still be the same
-- Returns 1 if the last ones are free again.
local following = tonumber(redis.call('HGET', KEYS[1], 'next') or 0)
local template, ends = ARGV[3], tonumber(ARGV[2])
local own = tonumber(redis.call('HGET', KEYS[2], 'template:' .. template) or nil)
local mine = tonumber(redis.call('HGET', KEYS[1], 'next:' .. template) or nil)
local back = tonumber(redis.call('HGET', KEYS[1], 'back:' .. template) or 0)
if own and mine and ends > back then -- else this is the same call again: its answer was lost on the way
  redis.call('HSET', KEYS[1], 'next:' .. template,
    string.format('%.0f', mine - tonumber(ARGV[4]) * 1e6 / (tonumber(ARGV[5]) * own)), 'back:' .. template, ARGV[2])
end
if math.abs(following - ends) > tonumber(ARGV[6]) then return 0 end
redis.call('HSET', KEYS[1], 'next', ARGV[1])
return 1

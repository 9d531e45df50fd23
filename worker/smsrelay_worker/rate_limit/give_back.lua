-- Gives slots back that nobody will use. In the one row of all, only when they are the last ones handed out; else they lapse. To the
-- template's own rate, its share of each in any case: that is a count, and nobody stands behind it.
-- KEYS 1 sms:rate   hash, see limit.lua; and back:TEMPLATE, where the last slot ended that the template was given back (µs)
--      2 sms:rates  hash, see limit.lua
-- ARGV 1 where the last ones begin (µs)  2 where they end (µs)  3 template  4 sum of the costs of all of them
-- Returns 1 when the last ones are free again.
local PACE = 0.985 -- as limit.lua has it
local following = tonumber(redis.call('HGET', KEYS[1], 'next') or 0)
local template, ends = ARGV[3], tonumber(ARGV[2])
local own = tonumber(redis.call('HGET', KEYS[2], 'template:' .. template) or nil)
local mine = tonumber(redis.call('HGET', KEYS[1], 'next:' .. template) or nil)
local back = tonumber(redis.call('HGET', KEYS[1], 'back:' .. template) or 0)
if own and mine and ends > back then -- else this very call came before, its answer lost on the way
  redis.call('HSET', KEYS[1], 'next:' .. template, string.format('%.0f', mine - tonumber(ARGV[4]) * 1e6 / (PACE * own)),
    'back:' .. template, ARGV[2])
end
if math.abs(following - ends) > 5 then return 0 end
redis.call('HSET', KEYS[1], 'next', ARGV[1])
return 1

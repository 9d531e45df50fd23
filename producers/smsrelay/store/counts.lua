-- Counts with a label that somebody outside chose, like the name of an app. The first 100 names of each kind have series of their own;
-- all others share 'other', so that nobody can make the counts grow without end.
-- KEY {sms}:counts  hash, no lifetime: what has been counted, by series; 'names|KIND' how many names of a kind are known, and
-- 'name|KIND|NAME' of each that it is
local MOST_NAMES = 100
local function count_named(key, before, kind, name, after, by)
  local field = before .. '|' .. name .. after
  local sum = redis.call('HINCRBY', key, field, by)
  if sum ~= by or redis.call('HSETNX', key, 'name|' .. kind .. '|' .. name, 1) == 0 then return end
  if redis.call('HINCRBY', key, 'names|' .. kind, 1) <= MOST_NAMES then return end
  redis.call('HINCRBY', key, 'names|' .. kind, -1)
  redis.call('HDEL', key, 'name|' .. kind .. '|' .. name, field)
  redis.call('HINCRBY', key, before .. '|other' .. after, by)
end

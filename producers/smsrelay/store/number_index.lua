-- The index of numbers: which messages a number has. After ids.lua.
-- An entry is the rest of the number's digest and the packed id; its score is the minute (since the epoch) in which the record is
-- gone. Numbers that begin alike share a sorted set, kept small enough for the compact encoding: a full one sends new entries to a
-- second one, which fewer numbers share. A set goes when its last record does, and drops older entries whenever one of its messages
-- becomes final.
local FULL = 120 -- entries; Redis keeps up to 128 compact
local ENDLESS = 2147483647 -- the score of a message that is not final

local function index_number(first, second, digest, id)
  local held, key, shared = redis.call('ZCARD', first), first, 3
  if held >= FULL then key, shared = second, 4 end
  redis.call('ZADD', key, ENDLESS, string.sub(digest, shared) .. packed(id))
  if held > 0 then redis.call('PERSIST', key) end
end

-- ends: when the record is gone (ms), or nil if it has no lifetime.
local function keep_indexed(first, second, digest, id, now, ends)
  local score = ends and math.ceil(ends / 60000) or ENDLESS
  for number, key in ipairs({first, second}) do
    if redis.call('ZADD', key, 'XX', 'CH', score, string.sub(digest, number + 2) .. packed(id)) == 1 then
      redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('(%.0f', math.floor(now / 60000)))
      local last = tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2])
      if not ends then redis.call('PERSIST', key)
      elseif last ~= ENDLESS then redis.call('PEXPIREAT', key, string.format('%.0f', (last + 1) * 60000)) end
      return
    end
  end
end

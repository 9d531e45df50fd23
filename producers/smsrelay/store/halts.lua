-- Parts of the traffic that are halted. Each value of {sms}:halts is JSON: since (ms), kind (halted, paused, cancelled, fuse), and
-- perhaps until (ms).
-- What is begun goes on when its campaign is cancelled, and what a fuse has counted (spent) when it blows.
-- A part that is over leaves the hash here.
-- Returns nil, or {what bars: halted, cancelled or fuse, the part, until (ms, 0 for nobody knows)}.
local function halted_part(key, parts, begun, now, spent)
  for number, value in ipairs(redis.call('HMGET', key, unpack(parts))) do
    local halt = value and cjson.decode(value)
    local over = halt and halt['until'] and halt['until'] <= now
    local kind = halt and halt.kind
    if over then redis.call('HDEL', key, parts[number]) end
    local goes_on = kind == 'cancelled' and begun or kind == 'fuse' and spent
    if halt and not over and not goes_on then
      return {(kind == 'cancelled' or kind == 'fuse') and kind or 'halted', parts[number], halt['until'] or 0}
    end
  end
end

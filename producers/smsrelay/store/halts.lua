-- Parts of the traffic that are halted. Each value of sms:halts is JSON: since (ms), kind (halted, paused, cancelled, fuse), and
-- perhaps until (ms).
-- Returns nil, or {what bars: halted or cancelled, the part, until (ms, 0 for nobody knows)}.
local function halted_part(key, parts, begun, now)
  for number, value in ipairs(redis.call('HMGET', key, unpack(parts))) do
    local halt = value and cjson.decode(value)
    local over = halt and halt['until'] and halt['until'] <= now
    local cancelled = halt and halt.kind == 'cancelled'
    if halt and not over and not (cancelled and begun) then -- what is begun goes on when its campaign is cancelled
      return {cancelled and 'cancelled' or 'halted', parts[number], halt['until'] or 0}
    end
  end
end

-- Caps: how many attempts a number may have in a window. Every attempt that a cap may count is an entry of the number's list:
-- "INSTANT LANE TEMPLATE APP", the instant in ms, the lane by its first letter. An attempt in flight has the last instant at which it
-- may be submitted, until its answer tells that it was submitted before.
-- A cap is a list: name, count, window (ms; 0: a clock window), since and until (ms, of the clock window), lanes, templates, app;
-- what is empty matches everything.
local SET_BACK = 10000 -- ms; an entry further ahead was written before this clock was set back

local function attempt_entry(at, lane, template, app)
  return string.format('%.0f %s %s %s', at, string.sub(lane, 1, 1), template, app)
end

-- The entries of some lists, read; one entry equal to `except` is left out.
local function attempts_in(lists, except)
  local attempts = {}
  for _, list in ipairs(lists) do
    for _, entry in ipairs(redis.call('LRANGE', list, 0, -1)) do
      if entry == except then except = nil
      else
        local at, lane, template, app = string.match(entry, '^(%d+) (%a) (%S+) (%S+)$')
        attempts[#attempts + 1] = {at = tonumber(at), lane = lane, template = template, app = app}
      end
    end
  end
  return attempts
end

local function matches(names, name)
  if #names == 0 then return true end
  for _, one in ipairs(names) do
    if one == name then return true end
  end
  return false
end

-- The cap that bars another attempt at `now` for longest, and when it is free again (ms); nil if none does.
local function capped(attempts, caps, now)
  local by, free
  for _, cap in ipairs(caps) do
    local name, count, window, since, till, lanes, templates, app = unpack(cap)
    local from = window > 0 and now - window + 1 or now < till and since or till
    local counted = {}
    for _, one in ipairs(attempts) do
      if one.at >= from and one.at <= now + SET_BACK and (lanes == '' or string.find(lanes, one.lane, 1, true))
        and matches(templates, one.template) and (app == '' or one.app == app) then
        counted[#counted + 1] = one.at
      end
    end
    if #counted >= count then
      table.sort(counted, function(a, b) return a > b end)
      local at = window > 0 and counted[count] + window or math.max(till, now + 1000)
      if not free or at > free then by, free = name, at end
    end
  end
  return by, free
end

-- Adds an entry to a list that lives for `lasts` ms after it, and drops entries that no cap counts any more.
local function count_attempt(list, entry, now, lasts)
  redis.call('RPUSH', list, entry)
  while tonumber(string.match(redis.call('LINDEX', list, 0), '^%d+')) < now - lasts do redis.call('LPOP', list) end
  redis.call('PEXPIRE', list, lasts + SET_BACK)
end

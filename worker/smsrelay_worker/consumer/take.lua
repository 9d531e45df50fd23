-- Notes an item that BRPOP brought as unacknowledged, and takes the next ones off the queue, each noted the moment it is taken.
-- Noted by the broker's own clock: by a worker's, which may be an hour ahead, another one would restore it an hour late.
-- KEYS: index of what is unacknowledged, its items, queue. ARGV: how many more at most, queue's name, tag and item noted.
-- Returns tags and items taken, in turn. One that is not a task of the usual shape stays, and the caller's next BRPOP brings it.
local function tag_of(item)
  local read, task = pcall(cjson.decode, item)
  if not read or type(task) ~= 'table' or type(task.body) ~= 'string' then return nil end
  local headers, properties = task.headers, task.properties
  if type(headers) ~= 'table' or type(headers.task) ~= 'string' or type(properties) ~= 'table' then return nil end
  local to = properties.delivery_info
  if type(to) ~= 'table' or to.exchange ~= '' or to.routing_key ~= ARGV[2] then return nil end
  return type(properties.delivery_tag) == 'string' and properties.delivery_tag or nil
end

local clock = redis.call('TIME')
local now = string.format('%d.%06d', clock[1], clock[2]) -- a number would lose its microseconds

local function note(tag, noted)
  redis.call('ZADD', KEYS[1], now, tag)
  redis.call('HSET', KEYS[2], tag, noted)
end

note(ARGV[3], ARGV[4])
local taken = {}
for _ = 1, tonumber(ARGV[1]) do
  local item = redis.call('LINDEX', KEYS[3], -1)
  local tag = item and tag_of(item)
  if not tag then break end
  redis.call('RPOP', KEYS[3])
  note(tag, '[' .. item .. ',"","' .. ARGV[2] .. '"]')
  taken[#taken + 1] = tag
  taken[#taken + 1] = item
end
return taken

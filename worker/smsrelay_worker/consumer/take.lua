-- Records an item that BRPOP returned as unacknowledged, and pops the next items of the queue, recording each as it is popped.
-- The time recorded is the broker's: by the clock of a worker that is an hour ahead, the item would be restored an hour late.
-- KEYS: the index of unacknowledged items (sorted set), the items themselves (hash), the queue (list).
-- ARGV: how many more items to pop at most, the queue's name, tag of the item and the record to keep of it.
-- Returns the popped tags and items, alternating. Stops at an item that is no ordinary task; the caller's next BRPOP returns that one.
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
local now = string.format('%d.%06d', clock[1], clock[2]) -- as text: a number would lose its microseconds

local function record(tag, item)
  redis.call('ZADD', KEYS[1], now, tag)
  redis.call('HSET', KEYS[2], tag, item)
end

record(ARGV[3], ARGV[4])
local taken = {}
for _ = 1, tonumber(ARGV[1]) do
  local item = redis.call('LINDEX', KEYS[3], -1)
  local tag = item and tag_of(item)
  if not tag then break end
  redis.call('RPOP', KEYS[3])
  record(tag, '[' .. item .. ',"","' .. ARGV[2] .. '"]')
  taken[#taken + 1] = tag
  taken[#taken + 1] = item
end
return taken

-- Names of campaigns, the one that accepted a message last first.
-- KEYS 1 {sms}:campaigns  sorted set, no lifetime: APP/NAME by when its last message was accepted (ms)
-- ARGV 1 app, or '' for any  2 name, or '' for any  3 how many to leave out  4 most to return
-- Returns the names.
local names, left_out = {}, tonumber(ARGV[3])
for _, full in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, -1)) do
  local app, name = string.match(full, '^([^/]+)/(.+)$')
  if (ARGV[1] == '' or app == ARGV[1]) and (ARGV[2] == '' or name == ARGV[2]) then
    if left_out > 0 then left_out = left_out - 1 else names[#names + 1] = full end
    if #names >= tonumber(ARGV[4]) then break end
  end
end
return names

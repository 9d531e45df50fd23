-- Records how a delivery to a sink ended, and pauses a sink that has failed for too long, or that wants no more.
-- KEYS 1 {sms}:endpoints  hash: state (JSON) by sink; no lifetime
-- ARGV 1 sink  2 'taken', 'failed' or 'gone'  3 status, for people  4 ms of nothing but failures after which it is paused
-- Returns the new state: status, at, failing (since when), paused (since when), pause (why). A success ends no pause; an operator does.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local held = redis.call('HGET', KEYS[1], ARGV[1])
local state = held and cjson.decode(held) or {}
state.status, state.at = ARGV[3], now
if ARGV[2] == 'taken' then state.failing = nil
else
  state.failing = state.failing or now
  local why = ARGV[2] == 'gone' and 'gone' or now - state.failing >= tonumber(ARGV[4]) and 'failing'
  if why and not state.paused then state.paused, state.pause = now, why end
end
local written = cjson.encode(state)
redis.call('HSET', KEYS[1], ARGV[1], written)
return written

-- Records a report until it is applied, once however often it comes meanwhile.
-- KEYS 1 sms:reports        hash: report by its key; no lifetime
--      2 sms:outbox:status  sorted set: key by place; no lifetime
--      3 sms:place          string: the last place given; no lifetime
-- ARGV 1 key  2 report (JSON)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
return 1

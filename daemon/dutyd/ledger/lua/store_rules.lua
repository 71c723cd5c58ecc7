-- Stores a rule set by digest and makes it the current one: the counter rises at start and on each change of files.
-- ARGV: 2 digest, 3 files JSON. Answers the counter.
redis.call('HSET', key('rulesets'), ARGV[2], ARGV[3])
local counter = redis.call('INCR', key('rules', 'counter'))
redis.call('ZADD', key('rules', 'order'), counter, ARGV[2])
return counter

-- Lets the incidents of a rule act again that opened too often; it is counted anew from here. What was held before still
-- asks. ARGV: 2 rule, 3 who, 4 why. Answers 1, or 0 where it is not held.
audit(ARGV[3], 'release', 'rule:' .. ARGV[2], ARGV[4])
redis.call('DEL', key('openings', ARGV[2]))
redis.call('ZREM', key('told'), 'brake:' .. ARGV[2])
return redis.call('HDEL', key('braked'), ARGV[2])

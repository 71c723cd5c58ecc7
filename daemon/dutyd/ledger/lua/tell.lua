-- Remembers that a notice is told, before it is: whoever asks for the same thing later is not the one who tells it.
-- ARGV: 2 .. things. Answers those that were not told before. What is older than the retention is forgotten: a thing
-- that still stands then is told again.
local at, new = now_ms(), {}
redis.call('ZREMRANGEBYSCORE', key('told'), '-inf', at - RETENTION_MS)
for i = 2, #ARGV do
  if redis.call('ZADD', key('told'), 'NX', at, ARGV[i]) == 1 then new[#new + 1] = ARGV[i] end
end
return new

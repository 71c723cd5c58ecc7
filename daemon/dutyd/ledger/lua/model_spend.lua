-- Adds what a run cost to the day's sums, and answers them. ARGV: 2 tokens, 3 micros (US dollars).
-- Answers {tokens, micros} of today.
local spent = key('spent', tostring(math.floor(now_ms() / 86400000)))
local tokens = redis.call('HINCRBY', spent, 'model_tokens', ARGV[2])
local micros = redis.call('HINCRBY', spent, 'model_micros', ARGV[3])
redis.call('PEXPIRE', spent, RETENTION_MS)
return {tokens, micros}

-- A run has ended: adds what it took to the sums of the day that held it, and gives back what it held there.
-- ARGV: 2 incident, 3 fence, 4 rule, 5 the day, 6 tokens, 7 micros (US dollars). Answers: own, lost.
local id, rule, day = ARGV[2], ARGV[4], ARGV[5]
if not holds(id, ARGV[3]) then return 'lost' end
local spent = key('spent', day)
for _, of in ipairs({'', ':' .. rule}) do
  redis.call('HINCRBY', spent, 'model_tokens' .. of, ARGV[6])
  redis.call('HINCRBY', spent, 'model_micros' .. of, ARGV[7])
end
redis.call('PEXPIRE', spent, RETENTION_MS)
redis.call('HDEL', key('model_held', day), id)
return 'own'

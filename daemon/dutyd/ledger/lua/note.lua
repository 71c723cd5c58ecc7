-- Remembers something of a claimed incident: a step's result, also of one that got no answer and that people are told
-- of, how often a question was put that has none yet, a turn of the run, a call that was rejected, how the run ended, a
-- traceback. ARGV: 2 incident, 3 fence, 4 what, 5 name (of a step or a call; of a run: the round), 6 value.
-- Answers: own, cleared, lost.
local id = ARGV[2]
local incident = key('incident', id)
if not holds(id, ARGV[3]) then return 'lost' end
if ARGV[4] == 'step' or ARGV[4] == 'unanswered' then
  if ARGV[6] ~= '' then redis.call('HSET', incident .. ':steps', ARGV[5], ARGV[6]) end  -- else it was answered once
  redis.call('HDEL', incident .. ':tries', ARGV[5])
end
if ARGV[4] == 'unanswered' then
  redis.call('ZADD', key('unanswered'), now_ms(), id .. '/' .. ARGV[5])
  redis.call('ZREMRANGEBYSCORE', key('unanswered'), '-inf', now_ms() - 86400000)
end
if ARGV[4] == 'tries' and ARGV[6] ~= '' then redis.call('HSET', incident .. ':tries', ARGV[5], ARGV[6]) end
if ARGV[4] == 'tries' and ARGV[6] == '' then redis.call('HDEL', incident .. ':tries', ARGV[5]) end
if ARGV[4] == 'rejected' then redis.call('HSET', incident .. ':rejected', ARGV[5], ARGV[6]) end
if ARGV[4] == 'turn' then redis.call('RPUSH', incident .. ':turns' .. ARGV[5], ARGV[6]) end
if ARGV[4] == 'run' or ARGV[4] == 'trouble' then redis.call('HSET', incident, ARGV[4] .. ARGV[5], ARGV[6]) end
-- Whoever watches is to know that the model's host turns us away: no waiting mends that.
if ARGV[4] == 'run' and ARGV[6] == 'model_rejected' then redis.call('SET', key('model_rejected'), now_ms()) end
return redis.call('HGET', incident, 'state') == 'CLEARING' and 'cleared' or 'own'

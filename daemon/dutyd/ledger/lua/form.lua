-- Freezes what a claimed group consists of, once, and tells the outcomes topic: a ledger that lost its data must not
-- group the same openings in another way, and order twice. ARGV: 2 group, 3 fence, 4 its trigger with the members (JSON).
-- Answers: own once the topic has it, waits, cleared, lost.
local id = ARGV[2]
local incident = key('incident', id)
if not holds(id, ARGV[3]) then return 'lost' end
if is_over(redis.call('HGET', incident, 'state')) then return 'cleared' end
if redis.call('HSETNX', incident, 'formed', now_ms()) == 1 then
  redis.call('HSET', incident, 'trigger', ARGV[4])
  local members = redis.call('SMEMBERS', incident .. ':open')
  redis.call('HSET', incident, 'members', cjson.encode(members))
  publish(id, 'group', object(incident))
end
return redis.call('HEXISTS', key('outcomes'), id) == 1 and 'waits' or 'own'

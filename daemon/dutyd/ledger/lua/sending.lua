-- The last word before bytes leave. Answers {go, the send's number}, or: cleared, paused, lost, or the state that forbids it.
-- ARGV: 2 incident, 3 fence, 4 effect key, 5 '1' for an effect of on_clear
local id, name = ARGV[2], ARGV[4]
local effect = object(key('effect', name))
if not holds(id, ARGV[3]) then return 'lost' end
if effect.state ~= 'RESERVED' and effect.state ~= 'UNKNOWN' then return effect.state end
local state, over = unpack(redis.call('HMGET', key('incident', id), 'state', 'over'))
if state == 'CLOSED' or over or (state == 'CLEARING' and ARGV[5] ~= '1' and effect.outlives ~= '1') then
  if effect.state == 'RESERVED' then set_effect(name, 'REFUSED', 'cleared') end
  return 'cleared'
end
local paused = key('paused')
for _, what in ipairs({'all', 'rule:' .. effect.rule, 'tool:' .. effect.tool}) do
  if redis.call('HEXISTS', paused, what) == 1 then
    redis.call('SADD', key('held'), id)
    return 'paused'
  end
end
set_state(name, 'SENDING', '')
redis.call('HSET', key('effect', name), 'fence', ARGV[3], 'sent', now_ms())
redis.call('HSETNX', key('effect', name), 'first_sent', now_ms())
redis.call('HINCRBY', key('effect', name), 'attempts', 1)
return {'go', redis.call('INCR', key('sends'))}

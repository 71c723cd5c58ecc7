-- A successor takes over an effect that its predecessor left in SENDING: from now on nobody knows what became of it.
-- ARGV: 2 incident, 3 fence, 4 effect key, 5 how long (ms) the predecessor may still be heard of.
-- Answers {state, ms since the last send, ms since the first}, {'young', ms since the last send} or {'lost'}.
local name = ARGV[4]
local effect_key = key('effect', name)
if not holds(ARGV[2], ARGV[3]) then return {'lost'} end
local effect, at = object(effect_key), now_ms()
-- What was sent before the ledger lost data may have been sent again since, up to the loss.
local birth = tonumber(redis.call('HGET', key('birth'), 'at') or '0')
local ago = at - math.max(tonumber(effect.sent or '0'), birth)
if effect.state == 'SENDING' and effect.fence ~= ARGV[3] and ago < tonumber(ARGV[5]) then return {'young', ago} end
if effect.state == 'SENDING' and effect.fence ~= ARGV[3] then
  set_effect(name, 'UNKNOWN', 'the worker that sent it is gone')
  effect.state = 'UNKNOWN'
end
redis.call('HSET', effect_key, 'fence', ARGV[3])
return {effect.state, ago, at - tonumber(effect.first_sent or '0')}

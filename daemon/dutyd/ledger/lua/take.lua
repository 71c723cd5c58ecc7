-- A successor takes over an effect that its predecessor left in SENDING: from now on nobody knows what became of it.
-- ARGV: 2 incident, 3 fence, 4 effect key. Answers {state, ms since the last send, ms since the first} or {'lost'}.
local name = ARGV[4]
local effect_key = key('effect', name)
if not holds(ARGV[2], ARGV[3]) then return {'lost'} end
local effect = object(effect_key)
if effect.state == 'SENDING' and effect.fence ~= ARGV[3] then
  set_effect(name, 'UNKNOWN', 'the worker that sent it is gone')
  effect.state = 'UNKNOWN'
end
redis.call('HSET', effect_key, 'fence', ARGV[3])
local at = now_ms()
return {effect.state, at - tonumber(effect.sent or '0'), at - tonumber(effect.first_sent or '0')}

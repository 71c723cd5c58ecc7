-- An effect that this ledger knows nothing of, of an incident older than itself: it may have been sent before the loss.
-- ARGV: 2 incident, 3 fence, 4 effect key, 5 why. Answers: own, lost.
local name, at = ARGV[4], now_ms()
local effect = key('effect', name)
if not holds(ARGV[2], ARGV[3]) then return 'lost' end
if redis.call('HGET', effect, 'state') == 'RESERVED' and redis.call('HGET', effect, 'attempts') == '0' then
  set_effect(name, 'UNKNOWN', ARGV[5])
  redis.call('HSET', effect, 'fence', ARGV[3], 'sent', at,
    'first_sent', redis.call('HGET', key('incident', ARGV[2]), 'produced'))
  redis.call('HINCRBY', effect, 'attempts', 1)
end
return 'own'

-- Writes what became of a send. Only who sent it, or who took it over, may: the effect's own fence decides.
-- ARGV: 2 effect key, 3 fence, 4 state, 5 reason, 6 receipt JSON ('' = none). Answers: own, lost.
local name = ARGV[2]
local effect = key('effect', name)
local state = redis.call('HGET', effect, 'state')
if redis.call('HGET', effect, 'fence') ~= ARGV[3] then return 'lost' end
if state ~= 'SENDING' and state ~= 'UNKNOWN' then return 'lost' end
if ARGV[6] ~= '' then redis.call('HSET', effect, 'receipt', ARGV[6]) end
redis.call('HSET', effect, 'ended', now_ms())
-- It never left: the provider's window begins with the try that does.
if ARGV[4] == 'RESERVED' then redis.call('HDEL', effect, 'first_sent') end
set_effect(name, ARGV[4], ARGV[5])
return 'own'

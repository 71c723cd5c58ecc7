-- An effect that is not sent yet meets its gates again: what the rule or the ceiling forbids by now is refused, what
-- they ask a person about by now waits. ARGV: 2 incident, 3 fence, 4 effect key, 5 state, 6 reason. Answers: own, lost.
local name = ARGV[4]
local state = redis.call('HGET', key('effect', name), 'state')
if not holds(ARGV[2], ARGV[3]) then return 'lost' end
if state == 'RESERVED' or state == 'AWAITING_APPROVAL' then set_effect(name, ARGV[5], ARGV[6]) end
return 'own'

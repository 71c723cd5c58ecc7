-- Extends a lease. Answers: own, cleared (the incident cleared meanwhile), lost (another worker has it).
-- ARGV: 2 incident, 3 fence, 4 lease (ms)
local id = ARGV[2]
if not holds(id, ARGV[3]) then return 'lost' end
local until_ms = now_ms() + ARGV[4]
redis.call('HSET', key('incident', id), 'lease_until', until_ms)
wake(id, until_ms, 'leased')
return redis.call('HGET', key('incident', id), 'state') == 'CLEARING' and 'cleared' or 'own'

-- Gives a claimed incident back. Answers: own, lost.
-- ARGV: 2 incident, 3 fence, 4 the state the worker saw, 5 what it waits for, 6 due in ms from now ('' = nothing),
--       7 '1' to close it, 8 what mutes it and 9 why (for 'muted')
local id, at = ARGV[2], now_ms()
local incident = key('incident', id)
if not holds(id, ARGV[3]) then return 'lost' end
-- The fence goes with the lease: a renewal that was on its way must not take the incident again.
redis.call('HSET', incident, 'lease_until', '0', 'lease_by', '', 'fence', '0')
if redis.call('HGET', incident, 'state') ~= ARGV[4] or redis.call('HGET', incident, 'poked') == '1' then
  wake(id, at, 'ready')
elseif ARGV[7] == '1' then
  close(id, at)
elseif ARGV[6] == '' then
  sleep(id, ARGV[5])
else
  if ARGV[5] == 'muted' then
    redis.call('HSET', incident, 'state', 'MUTED', 'muted_by', ARGV[8], 'muted_why', ARGV[9])
    redis.call('SADD', key('mutes', ARGV[8]), id)
    redis.call('PEXPIRE', key('mutes', ARGV[8]), RETENTION_MS)
  end
  wake(id, at + ARGV[6], ARGV[5])
end
return 'own'

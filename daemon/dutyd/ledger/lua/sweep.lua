-- Gives the done effect that has been due for a look longest to the one that sweeps: a lease for all workers together.
-- ARGV: 2 who (a random token), 3 lease (ms; 0 gives it back).
-- Answers {'held'} where another sweeps, {'own'} where nothing is due, or {'own', ms since it ended, field, value, ...}.
local holder, at = redis.call('GET', key('sweeper')), now_ms()
if holder and holder ~= ARGV[2] then return {'held'} end
if ARGV[3] == '0' then
  redis.call('DEL', key('sweeper'))
  return {'own'}
end
redis.call('SET', key('sweeper'), ARGV[2], 'PX', ARGV[3])
while true do
  local name = redis.call('ZRANGEBYSCORE', key('unswept'), '-inf', at, 'LIMIT', 0, 1)[1]
  if not name then return {'own'} end
  local effect = key('effect', name)
  if redis.call('EXISTS', effect) == 1 then
    return {'own', tostring(at - tonumber(redis.call('HGET', effect, 'ended') or at)), unpack(redis.call('HGETALL', effect))}
  end
  redis.call('ZREM', key('unswept'), name)
end

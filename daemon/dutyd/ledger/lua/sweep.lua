-- Gives the done effects whose settlement may be over to the one that sweeps: a lease for all workers together.
-- ARGV: 2 who (a random token), 3 lease (ms; 0 gives it back), 4 how many at most.
-- Answers {'held'} where another sweeps, or {'own', {ms since it ended, field, value, ...}, ...}, the oldest first.
local holder, at = redis.call('GET', key('sweeper')), now_ms()
if holder and holder ~= ARGV[2] then return {'held'} end
if ARGV[3] == '0' then
  redis.call('DEL', key('sweeper'))
  return {'own'}
end
redis.call('SET', key('sweeper'), ARGV[2], 'PX', ARGV[3])
local answer = {'own'}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', key('unswept'), '-inf', at, 'LIMIT', 0, ARGV[4])) do
  local flat = redis.call('HGETALL', key('effect', name))
  if #flat == 0 then
    redis.call('ZREM', key('unswept'), name)
  else
    table.insert(flat, 1, tostring(at - tonumber(redis.call('HGET', key('effect', name), 'ended') or at)))
    answer[#answer + 1] = flat
  end
end
return answer

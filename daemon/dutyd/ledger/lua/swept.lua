-- Notes what a look at a done effect found; only who holds the lease may. `breaches` holds the names of those that are
-- not there once, for whoever watches.
-- ARGV: 2 who, 3 effect key, 4 'later' or a `Look`, 5 ms until the next look (for 'later'), else what was found.
-- Answers: own, lost.
local name, look = ARGV[3], ARGV[4]
local effect = key('effect', name)
if redis.call('GET', key('sweeper')) ~= ARGV[2] then return 'lost' end
if look == 'later' then
  redis.call('ZADD', key('unswept'), 'XX', now_ms() + ARGV[5], name)
  return 'own'
end
if redis.call('ZREM', key('unswept'), name) == 0 then return 'lost' end
redis.call('HSET', effect, 'look', look)
if look == 'missing' or look == 'double' then
  redis.call('HSET', effect, 'breach', look .. ': ' .. ARGV[5])
  redis.call('SADD', key('breaches'), name)
end
return 'own'

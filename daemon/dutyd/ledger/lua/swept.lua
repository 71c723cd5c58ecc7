-- Notes what a look at a done effect found; only who holds the lease may, and keeps it by that. `breaches` holds the names of those that are
-- not there once, for whoever watches.
-- ARGV: 2 who, 3 lease (ms), 4 effect key, 5 'fine' | 'later' | 'missing' | 'double', 6 ms until the next look (for
--       'later'), else what was found. Answers: own, lost.
local name, found = ARGV[4], ARGV[5]
if redis.call('GET', key('sweeper')) ~= ARGV[2] then return 'lost' end
redis.call('PEXPIRE', key('sweeper'), ARGV[3])
if found == 'later' then
  redis.call('ZADD', key('unswept'), 'XX', now_ms() + ARGV[6], name)
  return 'own'
end
if redis.call('ZREM', key('unswept'), name) == 0 then return 'lost' end
if found ~= 'fine' then
  redis.call('HSET', key('effect', name), 'breach', found .. ': ' .. ARGV[6])
  redis.call('SADD', key('breaches'), name)
end
return 'own'

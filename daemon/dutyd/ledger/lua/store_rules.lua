-- Stores a rule set by digest and makes it the current one: the counter rises at start and on each change of files.
-- Sets that no open incident names and that were not the current one for 30 days are forgotten, and the ids of incidents
-- whose record has expired with them. ARGV: 2 digest, 3 files JSON. Answers the counter.
local at, sets, order, left = now_ms(), key('rulesets'), key('rules', 'order'), key('rules', 'left')
redis.call('HSET', sets, ARGV[2], ARGV[3])
local counter = redis.call('INCR', key('rules', 'counter'))
redis.call('ZADD', order, counter, ARGV[2])

-- Since when each of the others is not the current one any more.
for _, digest in ipairs(redis.call('HKEYS', sets)) do redis.call('HSETNX', left, digest, at) end
redis.call('HDEL', left, ARGV[2])

-- Whatever names a set that was left so long ago is older still.
local named, limit = {}, at - RETENTION_MS
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('incidents'), '-inf', limit / 1000)) do
  local state = redis.call('HGET', key('incident', id), 'state')
  if not state then
    redis.call('ZREM', key('incidents'), id)
  elseif state ~= 'CLOSED' then
    named[string.match(redis.call('HGET', key('incident', id), 'trigger'), '"digest":"(.-)"') or ''] = true
  end
end
for _, digest in ipairs(redis.call('HKEYS', left)) do
  if tonumber(redis.call('HGET', left, digest)) < limit and not named[digest] then
    redis.call('HDEL', sets, digest)
    redis.call('ZREM', order, digest)
    redis.call('HDEL', left, digest)
  end
end
return counter

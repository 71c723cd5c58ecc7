-- Begins or ends a silence, audited; ending it lets go on what it muted. Answers how many incidents woke, -1 where
-- there is no such silence. ARGV: 2 'add' | 'end', 3 id, 4 who, 5 why, 6 the silence (JSON, for 'add'), 7 until (ms)
local silences, id = key('silences'), ARGV[3]
if ARGV[2] == 'end' and redis.call('HEXISTS', silences, id) == 0 then return -1 end
audit(ARGV[4], 'silence ' .. ARGV[2], id, ARGV[5])
if ARGV[2] == 'add' then
  for _, name in ipairs(redis.call('HKEYS', silences)) do  -- those that nobody asks for any more
    if cjson.decode(redis.call('HGET', silences, name)).ends * 1000 < now_ms() - RETENTION_MS then
      redis.call('HDEL', silences, name)
      unmute('silence:' .. name)
    end
  end
  for _, name in ipairs(redis.call('HKEYS', key('silences', 'ended'))) do
    local ends = cjson.decode(redis.call('HGET', key('silences', 'ended'), name)).ends * 1000
    if ends < now_ms() - RETENTION_MS then redis.call('HDEL', key('silences', 'ended'), name) end
  end
  redis.call('HSET', silences, id, ARGV[6])
  return 0
end
-- What cleared while it lasted was muted, whenever a worker looks at it.
local silence = cjson.decode(redis.call('HGET', silences, id))
silence.ends = math.min(silence.ends, now_ms() / 1000)
redis.call('HSET', key('silences', 'ended'), id, cjson.encode(silence))
redis.call('HDEL', silences, id)
return unmute('silence:' .. id)

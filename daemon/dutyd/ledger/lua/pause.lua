-- Pauses or resumes everything, a rule or a tool; resuming makes what waited due. Answers how many woke.
-- ARGV: 2 'pause' | 'resume', 3 'all' | 'rule:R' | 'tool:T', 4 who, 5 why
local at, woken = now_ms(), 0
audit(ARGV[4], ARGV[2], ARGV[3], ARGV[5])
if ARGV[2] == 'pause' then
  redis.call('HSET', key('paused'), ARGV[3], ARGV[4])
  return 0
end
redis.call('HDEL', key('paused'), ARGV[3])
for _, id in ipairs(redis.call('SMEMBERS', key('held'))) do
  redis.call('SREM', key('held'), id)
  poke(id, at)
  woken = woken + 1
end
return woken

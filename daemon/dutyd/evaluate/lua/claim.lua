-- Makes the caller the owner of a task. Whoever owned it learns so at its next write.
-- KEYS: task, latches, outbox, windows. ARGV: new token, newest version that the caller knows.
-- Answers {'newer', version}, or {'own', server's run id, 'new' | 'restarted' | 'same'}: the server since then.
local task = KEYS[1]
local state = redis.call('HMGET', task, 'v', 'owner', 'server')
if state[1] and tonumber(state[1]) > tonumber(ARGV[2]) then return {'newer', state[1]} end
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
redis.call('HSET', task, 'owner', ARGV[1], 'v', ARGV[2], 'server', server)
-- A claim that comes twice over a cut connection must not let old writes in.
if state[2] ~= ARGV[1] then redis.call('HSET', task, 'write', 0) end

-- Without offsets what is there is the rest of a restore that did not end.
local whole = false
for _, name in ipairs(redis.call('HKEYS', task)) do whole = whole or string.sub(name, 1, 3) == 'at:' end
if not whole then
  redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
  return {'own', server, 'new'}
end
-- Windows that the owner before did not write are outdated: it was a dutyd that knew no snapshots.
if redis.call('HGET', KEYS[4], 'owner') == state[2] then
  redis.call('HSET', KEYS[4], 'owner', ARGV[1])
else
  redis.call('UNLINK', KEYS[4])
end
return {'own', server, state[3] == server and 'same' or 'restarted'}

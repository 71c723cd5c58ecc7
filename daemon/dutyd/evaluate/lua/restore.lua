-- Begins to write a task again from its owner's memory, on a server that lost its data: everything there goes.
-- KEYS: task, latches, outbox, windows. ARGV: token, number of this write, version.
-- Answers {'another'} or {'own', server's run id}.
local state = redis.call('HMGET', KEYS[1], 'owner', 'write')
if state[1] and state[1] ~= ARGV[1] then return {'another'} end
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
-- One that comes late over a cut connection must not delete what was written since.
if state[1] and tonumber(ARGV[2]) <= tonumber(state[2]) then return {'own', server} end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'write', ARGV[2], 'v', ARGV[3], 'server', server)
return {'own', server}

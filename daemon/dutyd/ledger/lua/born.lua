-- Notes the server that the ledger is on from now. ARGV: 2 'new': nothing can be missing; 'lost': what happened before
-- now may be missing; 'kept': the same data on a server that was started again.
local birth = key('birth')
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
if redis.call('HGET', birth, 'server') == server then return end
redis.call('HSET', birth, 'server', server, 'v', '1')
if ARGV[2] == 'lost' then redis.call('HSET', birth, 'at', now_ms()) end
-- Fencing tokens never come twice: a worker from before the loss may still hold one.
if ARGV[2] ~= 'kept' then redis.call('SET', key('fence'), now_ms()) end

-- Notes the server that the ledger is on from now. ARGV: 2 'new': nothing can be missing; 'lost': what happened before
-- now may be missing; 'kept': no send is missing, on a server that was started again. 3 how many sends are known of.
-- 4 the run id of the server that was looked at ('': none was): one that was started since is to be looked at anew.
-- Answers 1, or nothing where somebody else said it first.
local birth, at = key('birth'), now_ms()
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
if redis.call('HGET', birth, 'server') == server or (ARGV[4] ~= '' and ARGV[4] ~= server) then return end
redis.call('HSET', birth, 'server', server, 'v', '1')
if ARGV[2] == 'lost' then redis.call('HSET', birth, 'at', at) end
-- What is known to be lost is not missed again by the next restart; an older copy of the data misses it.
redis.call('SET', key('sends'), math.max(tonumber(ARGV[3]), tonumber(redis.call('GET', key('sends')) or '0')))
-- Fencing tokens never come twice: a worker from before may still hold one.
redis.call('SET', key('fence'), math.max(at, tonumber(redis.call('GET', key('fence')) or '0')))
-- What was written last may be gone, such as how an incident was given back: whatever is open is nobody's, and due.
for _, id in ipairs(redis.call('ZRANGE', key('incidents'), 0, -1)) do
  local state = redis.call('HGET', key('incident', id), 'state')
  if state == 'ACTIVE' or state == 'CLEARING' then
    redis.call('HSET', key('incident', id), 'fence', '0', 'lease_by', '', 'lease_until', '0')
    wake(id, at, 'ready')
  end
end
return 1

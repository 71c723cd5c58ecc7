-- Says whether this is the server, and the data, that the ledger was born on. Answers {'same', 'restarted' or
-- 'none', its run id}.
local known = redis.call('HGET', key('birth'), 'server')
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
if not known then return {'none', server} end
return {known == server and 'same' or 'restarted', server}

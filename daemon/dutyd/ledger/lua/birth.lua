-- Says whether this is the server, and the data, that the ledger was born on. Answers 'same', 'restarted' or 'none'.
local known = redis.call('HGET', key('birth'), 'server')
if not known then return 'none' end
return known == string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') and 'same' or 'restarted'

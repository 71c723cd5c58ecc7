-- Takes one of what may be sent now under a credential, by whichever process.
-- ARGV: 2 credential, 3 requests a minute, 4 how many at once.
-- Answers 0, or for how many milliseconds there is none. What is kept is the time from which on nothing is owed: each
-- request puts it off by its share of a minute, and it may lie as far ahead as what may come at once.
local pace, now, share = key('pace', ARGV[2]), now_ms(), 60000 / tonumber(ARGV[3])
local owed = math.max(tonumber(redis.call('GET', pace) or '0'), now)
local wait = owed - now - (tonumber(ARGV[4]) - 1) * share
if wait > 0 then return math.ceil(wait) end
redis.call('SET', pace, string.format('%.3f', owed + share), 'PX', math.ceil(owed + share - now))
return 0

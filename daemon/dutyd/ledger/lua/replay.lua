-- Remembers that a person sends dead letters again, before they are sent. One that was sent, or whose sending nobody knows
-- the end of, is not given out a second time, unless that is asked for.
-- ARGV: 2 who, 3 '1' to give out whatever happened before, 4 .. names of dead letters
-- Answers {name, what was known of it ('' = nothing: it is given out now), ...}.
local at, answer = now_ms(), {}
for i = 4, #ARGV do
  local name = key('replay', ARGV[i])
  local known = redis.call('GET', name)
  if not known or ARGV[3] == '1' then
    redis.call('SET', name, cjson.encode({state = 'began', who = ARGV[2], at = at}), 'PX', RETENTION_MS * 2)
    audit(ARGV[2], 'replay', ARGV[i], '')
    known = ''
  end
  answer[#answer + 1] = ARGV[i]
  answer[#answer + 1] = known
end
return answer

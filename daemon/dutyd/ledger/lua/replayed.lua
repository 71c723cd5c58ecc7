-- Remembers that dead letters are in their topics again. ARGV: 2 .. names of dead letters
for i = 2, #ARGV do
  local name = key('replay', ARGV[i])
  local known = cjson.decode(redis.call('GET', name) or '{}')
  known.state, known.at = 'sent', now_ms()
  redis.call('SET', name, cjson.encode(known), 'PX', RETENTION_MS * 2)
end
return #ARGV - 1

-- Forgets an outcome that was produced, unless a newer one took its place. ARGV: 2.. key, value pairs
local dropped = 0
for i = 2, #ARGV, 2 do
  if redis.call('HGET', key('outcomes'), ARGV[i]) == ARGV[i + 1] then
    dropped = dropped + redis.call('HDEL', key('outcomes'), ARGV[i])
  end
end
return dropped

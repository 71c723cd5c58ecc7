-- After a clear: what was not sent is off, but for effects that outlive it, and those of an incident that is over, all of
-- them; of what may have been sent before a loss it is found out first. ARGV: 2 incident, 3 fence, 4 why that may be.
-- Answers {'lost'} or {'own', the tool of each that was refused, ...}.
local id = ARGV[2]
if not holds(id, ARGV[3]) then return {'lost'} end
local answer, over = {'own'}, redis.call('HGET', key('incident', id), 'over')
for _, name in ipairs(redis.call('LRANGE', key('incident', id) .. ':effects', 0, -1)) do
  local effect = object(key('effect', name))
  if over or effect.clear ~= '1' then
    local off = effect.state == 'AWAITING_APPROVAL' or (effect.state == 'RESERVED' and (over or effect.outlives ~= '1'))
    if off and not doubt(name, ARGV[3], ARGV[4]) then
      set_effect(name, 'REFUSED', over and 'closed' or 'cleared')
      answer[#answer + 1] = effect.tool
    end
  end
end
return answer

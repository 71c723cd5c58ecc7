-- After a clear: what was not sent is off. Answers the keys of effects that are still to be settled, or {'lost'}.
-- ARGV: 2 incident, 3 fence
local id, open = ARGV[2], {}
if not holds(id, ARGV[3]) then return {'lost'} end
for _, name in ipairs(redis.call('LRANGE', key('incident', id) .. ':effects', 0, -1)) do
  local effect = object(key('effect', name))
  if effect.clear ~= '1' then
    if effect.state == 'RESERVED' or effect.state == 'AWAITING_APPROVAL' then
      set_effect(name, 'REFUSED', 'cleared')
    elseif effect.state == 'SENDING' or effect.state == 'UNKNOWN' then
      open[#open + 1] = name
    end
  end
end
return open

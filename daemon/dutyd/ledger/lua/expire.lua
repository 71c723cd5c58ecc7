-- An approval that nobody gave in time, counted from when somebody was asked, is a denial.
-- ARGV: 2 incident, 3 fence, 4 effect key, 5 lifetime (ms).
-- Answers ms left, 0 when it was refused now, -1 when somebody has decided meanwhile.
local name = ARGV[4]
local effect = object(key('effect', name))
if not holds(ARGV[2], ARGV[3]) or effect.state ~= 'AWAITING_APPROVAL' then return -1 end
local left = tonumber(effect.asked or effect.reserved) + tonumber(ARGV[5]) - now_ms()
if left > 0 then return left end
set_effect(name, 'REFUSED', 'approval expired')
return 0

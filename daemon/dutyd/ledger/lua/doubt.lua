-- See `doubt` in common.lua. ARGV: 2 incident, 3 fence, 4 effect key, 5 why. Answers: own, lost.
if not holds(ARGV[2], ARGV[3]) then return 'lost' end
doubt(ARGV[4], ARGV[3], ARGV[5])
return 'own'

-- Notes that a partition is accepted up to an offset whose record holds nothing to accept. ARGV: 2 source, 3 offset.
-- Answers own, or stranger: the ledger must be made whole first.
if stranger() then return 'stranger' end
pass_by(ARGV[2], ARGV[3])
return 'own'

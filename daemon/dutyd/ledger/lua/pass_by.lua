-- Notes that a partition is accepted up to an offset whose record holds nothing to accept. ARGV: 2 source, 3 offset
pass_by(ARGV[2], ARGV[3])

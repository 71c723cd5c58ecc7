-- Answers {key, value, ...} of about so many outcomes that wait to be produced. What an older copy of the data has is
-- not to be put over the newer one in the topic: none, until the ledger is made whole. ARGV: 2 how many
if stranger() then return {} end
return redis.call('HSCAN', key('outcomes'), 0, 'COUNT', ARGV[2])[2]

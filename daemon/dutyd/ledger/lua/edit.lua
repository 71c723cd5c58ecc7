-- A person changes the arguments of a call that waits: another call, which waits in its place. Compare-and-set on the
-- hash of the call that was shown; audited. ARGV: 2 effect key, 3 that hash, 4 who, 5 why, 6 the new arguments (JSON),
-- 7 their hash, 8 what they spend (micros), 9 limits JSON as for reserve. Answers: done, changed, the limit of the day
-- that forbids it ('budget: ...'), or the state that the effect is in.
-- What is here may be older than what was done: a decision must not undo that.
if stranger() then return 'stranger' end
local name = ARGV[2]
local effect = object(key('effect', name))
if effect.state ~= 'AWAITING_APPROVAL' then return effect.state or '' end
if effect.args_hash ~= ARGV[3] then return 'changed' end
local over = hold_money(name, tonumber(ARGV[8]), cjson.decode(ARGV[9]), now_ms())
if over then return over end
redis.call('HSET', key('effect', name), 'args', ARGV[6], 'args_hash', ARGV[7], 'micros', ARGV[8], 'by', ARGV[4])
local trigger = cjson.decode(redis.call('HGET', key('incident', effect.incident), 'trigger'))
audit(ARGV[4], 'edit', name, ARGV[5],
  {hash = ARGV[7], before = ARGV[3], rule = effect.rule, digest = trigger.digest, tool = effect.tool, args = ARGV[6]})
poke(effect.incident, now_ms())
return 'done'

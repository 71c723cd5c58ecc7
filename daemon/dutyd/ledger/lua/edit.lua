-- A person changes the arguments of a call that waits: another call, which waits in its place. Compare-and-set on the
-- hash of the call that was shown; audited. ARGV: 2 effect key, 3 that hash, 4 who, 5 why, 6 the new arguments (JSON),
-- 7 their hash, 8 what they spend (micros). Answers: done, changed, or the state that the effect is in.
-- What is here may be older than what was done: a decision must not undo that.
if stranger() then return 'stranger' end
local name = ARGV[2]
local effect = object(key('effect', name))
if effect.state ~= 'AWAITING_APPROVAL' then return effect.state or '' end
if effect.args_hash ~= ARGV[3] then return 'changed' end
if effect.held_day then
  local more, spent = tonumber(ARGV[8]) - tonumber(effect.micros), key('spent', effect.held_day)
  redis.call('HINCRBY', spent, 'all', more)
  redis.call('HINCRBY', spent, 'rule:' .. effect.rule, more)
end
redis.call('HSET', key('effect', name), 'args', ARGV[6], 'args_hash', ARGV[7], 'micros', ARGV[8], 'by', ARGV[4])
local trigger = cjson.decode(redis.call('HGET', key('incident', effect.incident), 'trigger'))
audit(ARGV[4], 'edit', name, ARGV[5],
  {hash = ARGV[7], before = ARGV[3], rule = effect.rule, digest = trigger.digest, tool = effect.tool, args = ARGV[6]})
poke(effect.incident, now_ms())
return 'done'

-- A person approves or denies one exact call: compare-and-set on its hash, single use, audited.
-- ARGV: 2 effect key, 3 hash of the call that was shown, 4 'approve' | 'deny', 5 who, 6 why. Answers: done, changed,
--       or the state that the effect is in ('' = there is no such effect).
-- What is here may be older than what was done: a decision must not undo that.
if stranger() then return 'stranger' end
local name, at = ARGV[2], now_ms()
local effect = object(key('effect', name))
if effect.state ~= 'AWAITING_APPROVAL' then return effect.state or '' end
if effect.args_hash ~= ARGV[3] then return 'changed' end
redis.call('HSET', key('effect', name), 'decided_by', ARGV[5], 'decided_at', at, 'decision', ARGV[4])
if ARGV[4] == 'approve' then
  set_effect(name, 'RESERVED', '')
  publish(name, 'approval', object(key('effect', name)))
else
  set_effect(name, 'REFUSED', 'denied by ' .. ARGV[5] .. (ARGV[6] ~= '' and ': ' .. ARGV[6] or ''))
end
local trigger = cjson.decode(redis.call('HGET', key('incident', effect.incident), 'trigger'))
audit(ARGV[5], ARGV[4], name, ARGV[6],
  {hash = ARGV[3], rule = effect.rule, digest = trigger.digest, tool = effect.tool, args = effect.args})
poke(effect.incident, at)
return 'done'

-- A person says what a parked effect was: it is there, it is not, or it is to be sent again. Compare-and-set on the
-- state, audited. Its incident goes on; one that was closed meanwhile is opened again for what follows.
-- ARGV: 2 effect key, 3 'done' | 'not done' | 'resend', 4 who, 5 because, 6 receipt JSON (for 'done').
-- Answers: done, 'cleared' (its incident is over: it would not be sent), or the state that the effect is in ('' = there
--          is no such effect).
-- What is here may be older than what was done: a decision must not undo that.
if stranger() then return 'stranger' end
local name, did, who, because, at = ARGV[2], ARGV[3], ARGV[4], ARGV[5], now_ms()
local effect = object(key('effect', name))
if effect.state ~= 'PARKED' then return effect.state or '' end
local incident = object(key('incident', effect.incident))
local off = (incident.clear_trigger or not incident.state) and effect.clear ~= '1' and effect.outlives ~= '1'
if did == 'resend' and (off or incident.over == '1') then return 'cleared' end

-- The fence goes: whoever sent it before has nothing more to say.
redis.call('HSET', key('effect', name), 'fence', '0', 'settled_by', who, 'settled_at', at, 'settled', did)
if did == 'done' then
  redis.call('HSET', key('effect', name), 'receipt', ARGV[6], 'ended', at)
  set_effect(name, 'DONE', 'settled by ' .. who .. ': ' .. because)
  redis.call('ZREM', key('unswept'), name)  -- a person has looked
elseif did == 'not done' then
  redis.call('HSET', key('effect', name), 'ended', at)
  set_effect(name, 'REFUSED', 'not done, says ' .. who .. ': ' .. because)
else
  redis.call('HDEL', key('effect', name), 'sent', 'first_sent')  -- a window of the provider begins anew
  set_effect(name, 'RESERVED', '')
end
local digest = incident.trigger and cjson.decode(incident.trigger).digest or ''
audit(who, 'settle', name, because, {settled = did, hash = effect.args_hash, rule = effect.rule, digest = digest,
  tool = effect.tool, args = effect.args, receipt = ARGV[6]})
if incident.state == 'CLOSED' then
  redis.call('HSET', key('incident', effect.incident), 'state', incident.clear_trigger and 'CLEARING' or 'ACTIVE')
  for _, part in ipairs(parts_of(effect.incident)) do redis.call('PERSIST', part) end
end
poke(effect.incident, at)
return 'done'

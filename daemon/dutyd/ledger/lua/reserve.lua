-- Freezes one effect under its key, once: whoever asks again gets the first record.
-- ARGV: 2 incident, 3 fence, 4 effect key, 5 state to begin in, 6 reason, 7 '1' for an effect of on_clear,
--       8 limits JSON {per_rule_day, per_day} (micros), 9.. field, value pairs of the record
-- Answers {'lost'} or {'found' | 'made', field, value, ...}.
local id, name, state, reason = ARGV[2], ARGV[4], ARGV[5], ARGV[6]
local effect, incident, at = key('effect', ARGV[4]), key('incident', ARGV[2]), now_ms()
if not holds(id, ARGV[3]) then return {'lost'} end
local how = 'found'

if redis.call('EXISTS', effect) == 0 then
  how = 'made'
  redis.call('HSET', effect, 'key', name, 'incident', id, 'attempts', '0', 'fence', '0', 'reserved', at, 'v', '1')
  redis.call('HSET', effect, unpack(ARGV, 9))
  redis.call('RPUSH', incident .. ':effects', name)
  local micros = tonumber(redis.call('HGET', effect, 'micros') or '0')
  local stands, late = redis.call('HGET', incident, 'state'), redis.call('HGET', effect, 'outlives') == '1'
  if stands == 'CLEARING' and ARGV[7] ~= '1' and not (late and state == 'RESERVED') and state ~= 'REFUSED' then
    state, reason = 'REFUSED', 'cleared'
  elseif stands == 'CLOSED' then
    state, reason = 'REFUSED', 'closed'
  end
  if state ~= 'REFUSED' and micros > 0 then
    local limits = cjson.decode(ARGV[8])
    local over = hold_money(name, micros, limits, at)
    -- What was spent before the ledger was lost is not known here: a person decides.
    local bounded = limits.per_day ~= cjson.null or limits.per_rule_day ~= cjson.null
    local birth = tonumber(redis.call('HGET', key('birth'), 'at') or '0')
    if over then
      state, reason = 'REFUSED', over
    elseif state == 'RESERVED' and bounded and tonumber(redis.call('HGET', incident, 'produced')) < birth then
      state, reason = 'AWAITING_APPROVAL', 'the ledger was lost: what was spent before is not known'
    end
  end
  set_effect(name, state, reason)
end
local flat = redis.call('HGETALL', effect)
table.insert(flat, 1, how)
return flat

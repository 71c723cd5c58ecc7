-- How the installation stands now, for metrics and notices; one look, so that its numbers fit together. A parked effect
-- whose record has expired is forgotten here. ARGV: 2 how many names at most.
-- Answers {ms that the oldest due incident waits, incidents that go on by themselves, {state, count, ...},
--          {name, attempts, ...} of parked effects, {field, value, ...} of what was spent today, the day,
--          how many incidents are stuck, {their ids},
--          {name, ms, ...}: calls that wait for approval, and since when,
--          '1' where the model's host has turned us away today, rules that are held for opening too often,
--          {name, found, ...}: done effects that are missing or double,
--          {incident/step, ...}: questions that got no answer, the newest}.
local at = now_ms()
local first = redis.call('ZRANGE', key('due'), 0, 0, 'WITHSCORES')
local waits = first[2] and math.max(0, at - tonumber(first[2])) or 0
for _, name in ipairs(redis.call('SMEMBERS', key('effects', 'PARKED'))) do
  if redis.call('EXISTS', key('effect', name)) == 0 then redis.call('SREM', key('effects', 'PARKED'), name) end
end
local breaches = {}
for _, name in ipairs(redis.call('SMEMBERS', key('breaches'))) do
  local found = redis.call('HGET', key('effect', name), 'breach')
  if not found then
    redis.call('SREM', key('breaches'), name)
  elseif #breaches < 2 * ARGV[2] then
    breaches[#breaches + 1] = name
    breaches[#breaches + 1] = found
  end
end
local counts = {}
for _, state in ipairs({'RESERVED', 'AWAITING_APPROVAL', 'SENDING', 'UNKNOWN', 'PARKED'}) do
  counts[#counts + 1] = state
  counts[#counts + 1] = redis.call('SCARD', key('effects', state))
end
local function names(set)
  local all = redis.call('SMEMBERS', set)
  table.sort(all)
  return {unpack(all, 1, math.min(#all, ARGV[2]))}
end
local parked = {}
for nth, name in ipairs(names(key('effects', 'PARKED'))) do
  parked[2 * nth - 1] = name
  parked[2 * nth] = redis.call('HGET', key('effect', name), 'attempts')
end
local waiting = {}
for _, name in ipairs(redis.call('SMEMBERS', key('approvals'))) do
  if #waiting < 2 * ARGV[2] then
    waiting[#waiting + 1] = name
    local effect = object(key('effect', name))
    waiting[#waiting + 1] = at - tonumber(effect.asked or effect.reserved or at)
  end
end
local turned_away = tonumber(redis.call('GET', key('model_rejected')) or '')
local day = tostring(math.floor(at / 86400000))
local rejects = turned_away and tostring(math.floor(turned_away / 86400000)) == day and '1' or ''
return {waits, redis.call('SCARD', key('busy')), counts, parked,
  redis.call('HGETALL', key('spent', day)), day, redis.call('SCARD', key('stuck')), names(key('stuck')), waiting, rejects,
  redis.call('HKEYS', key('braked')), breaches,
  redis.call('ZREVRANGE', key('unanswered'), 0, ARGV[2] - 1)}

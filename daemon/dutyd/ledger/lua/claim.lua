-- Claims due incidents for one worker: a lease, and a fencing token higher than any before it.
-- A claimed incident is due again when its lease ends, so a worker that dies needs nobody to notice.
-- ARGV: 2 worker, 3 lease (ms), 4 how many at most, 5 how long (ms) what one page is to list gathers. Answers a list of {id, field, value, ...}.
if stranger() then return {} end
local at, claimed = now_ms(), {}
local birth = tonumber(redis.call('HGET', key('birth'), 'at') or '0')

-- One of each rule in turn, the oldest first; who begins changes, so that one free place goes round, too.
local function fairly(most)
  local rules, lanes, found = redis.call('SMEMBERS', key('lanes')), {}, {}
  table.sort(rules)
  for _, rule in ipairs(rules) do
    local ids = redis.call('ZRANGEBYSCORE', key('due', rule), '-inf', at, 'LIMIT', 0, most)
    if #ids > 0 then lanes[#lanes + 1] = ids end
  end
  local first = #lanes > 1 and redis.call('INCR', key('turn')) or 0
  for place = 1, most do
    for step = 1, #lanes do
      local id = lanes[(first + step) % #lanes + 1][place]
      if id and #found < most then found[#found + 1] = id end
    end
  end
  return found
end

for _, id in ipairs(fairly(tonumber(ARGV[4]))) do
  local name = key('incident', id)
  local incident = object(name)
  -- A group is complete when it is claimed: then, as one incident, it is held against its rule's rates.
  local free, complete = 0, incident.kind == 'group' and incident.state == 'ACCEPTED'
  if complete or (incident.state == 'MUTED' and incident.muted_by == 'throttle') then
    free = throttled_until(id, incident.rule, incident.entity, cjson.decode(incident.throttle), at)
  end
  if not incident.state then
    for _, rule in ipairs(redis.call('SMEMBERS', key('lanes'))) do redis.call('ZREM', key('due', rule), id) end
    sleep(id, '')
    redis.call('DEL', name)
  elseif incident.state == 'CLOSED' then
    sleep(id, '')
  elseif tonumber(incident.lease_until) > at then
    wake(id, incident.lease_until, 'leased')
  elseif free > 0 then
    if complete then redis.call('HSET', name, 'state', 'MUTED', 'muted_by', 'throttle', 'muted_why', 'throttled') end
    if complete and incident.rollup then join_rollup(id, incident.rollup, incident, at, ARGV[5]) end
    wake(id, free, 'muted')
  else
    if incident.state == 'ACCEPTED' or incident.state == 'MUTED' then redis.call('HSET', name, 'state', 'ACTIVE') end
    redis.call('HDEL', name, 'poked')
    redis.call('SREM', key('held'), id)
    redis.call('HSET', name, 'fence', redis.call('INCR', key('fence')), 'lease_by', ARGV[2],
      'lease_until', at + ARGV[3])
    wake(id, at + ARGV[3], 'leased')
    local flat = redis.call('HGETALL', name)
    flat[#flat + 1] = 'age'
    flat[#flat + 1] = tostring(at - incident.accepted)
    flat[#flat + 1] = 'predates'
    flat[#flat + 1] = tonumber(incident.produced) < birth and '1' or ''
    -- A group acts once the outcomes topic knows who is in it.
    flat[#flat + 1] = 'told'
    flat[#flat + 1] = incident.formed and redis.call('HEXISTS', key('outcomes'), id) == 0 and '1' or ''
    table.insert(flat, 1, id)
    claimed[#claimed + 1] = flat
  end
end
return claimed

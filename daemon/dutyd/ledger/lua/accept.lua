-- Takes one trigger in, and the offset after it, in one write. Answers: accepted, muted, clearing, closed, known, old;
-- stranger: nothing was taken in, the ledger must be made whole first.
-- ARGV: 2 incident, 3 kind, 4 rule, 5 entity text, 6 trigger JSON, 7 opened (s), 8 mode, 9 throttle JSON,
--       10 '1' where a muted incident joins a roll-up page, 11 id of that roll-up, 12 offset field, 13 next offset,
--       14 entity JSON, 15 '1' where too many openings become members of one parent, 16 id of that parent,
--       17 when its record was produced (ms), 18 brakes JSON: {openings, within (s)}, 19 '1' where it will be a member
--       of a group: then its group is throttled, not it, 20 openings that are no storm yet, 21 in how long (ms),
--       22 how long what one page is to list gathers (ms)
local id, kind, rule, entity, trigger, at = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], now_ms()
local incident = key('incident', id)

if stranger() then return 'stranger' end
pass_by(ARGV[12], ARGV[13])

local record = {rule = rule, entity = entity, trigger = trigger, opened = ARGV[7], produced = ARGV[17], mode = ARGV[8],
  throttle = ARGV[9]}

local function mute(by, why)
  redis.call('HSET', incident, 'state', 'MUTED', 'muted_by', by, 'muted_why', why)
end

-- More pages within a short time than anybody reads: what comes now is a member of one parent, which pages once.
local function joins_storm()
  local recent, pointer, within = key('storm', rule), key('storm', rule, 'parent'), tonumber(ARGV[21])
  if ARGV[15] ~= '1' then return false end
  redis.call('ZREMRANGEBYSCORE', recent, '-inf', at - within)
  redis.call('ZADD', recent, at, id)
  redis.call('PEXPIRE', recent, within)
  if redis.call('ZCARD', recent) <= tonumber(ARGV[20]) then return false end
  local parent = redis.call('GET', pointer)
  if not parent or is_over(redis.call('HGET', key('incident', parent), 'state')) then
    parent = ARGV[16]
    create(parent, 'ACCEPTED', 'storm', record)
    wake(parent, at + ARGV[22], 'ready')
    redis.call('SET', pointer, parent, 'PX', RETENTION_MS)
  end
  join(id, parent, 'one of a storm', 'storm')
  return true
end

-- More openings in event time than a brake lets pass: what opens from now on asks a person, until somebody releases it.
local function brake()
  local recent, opened, longest = key('openings', rule), tonumber(ARGV[7]), 0
  local brakes = cjson.decode(ARGV[18])
  if #brakes == 0 then return end
  redis.call('ZADD', recent, opened, id)
  for _, each in ipairs(brakes) do
    longest = math.max(longest, each[2])
    if redis.call('ZCOUNT', recent, '(' .. (opened - each[2]), opened) > each[1] then
      redis.call('HSETNX', key('braked'), rule, cjson.encode({at = at, openings = each[1], within = each[2]}))
    end
  end
  local newest = redis.call('ZREVRANGE', recent, 0, 0, 'WITHSCORES')[2]
  redis.call('ZREMRANGEBYSCORE', recent, '-inf', newest - longest)
  redis.call('PEXPIRE', recent, RETENTION_MS)
  if redis.call('HEXISTS', key('braked'), rule) == 1 then
    redis.call('HSET', incident, 'braked', '1')
    if ARGV[8] == 'act' then redis.call('HSET', incident, 'mode', 'approve') end
  end
end

local state = redis.call('HGET', incident, 'state')

if kind == 'changed' and state then
  if state == 'CLEARING' or state == 'CLOSED' or redis.call('HEXISTS', incident, 'acked_by') == 1 then
    return 'known'
  end
  if cjson.decode(redis.call('HGET', incident, 'trigger')).round >= cjson.decode(trigger).round then return 'known' end
  redis.call('HSET', incident, 'trigger', trigger)
  if state ~= 'MUTED' then poke(id, at) end
  return 'accepted'
end

-- A further round of an incident that nobody knows: its opening was compacted away.
if kind ~= 'cleared' then
  if state then return 'known' end
  create(id, 'ACCEPTED', 'incident', record)
  -- What is this old was closed and forgotten, or its ledger was lost: it is listed, and nobody acts on it.
  if at - ARGV[17] > RETENTION_MS then
    redis.call('HSET', incident, 'state', 'CLOSED', 'wait', 'too old')
    redis.call('PEXPIRE', incident, RETENTION_MS)
    return 'old'
  end
  keep_effects(incident)
  if ARGV[10] == '1' then redis.call('HSET', incident, 'pages', '1') end
  redis.call('HSET', key('open', rule), id, ARGV[14])
  brake()
  if joins_storm() then return 'muted' end
  local free = ARGV[19] == '1' and 0 or throttled_until(id, rule, entity, cjson.decode(ARGV[9]), at)
  if free == 0 then
    wake(id, at, 'ready')
    return 'accepted'
  end
  mute('throttle', 'throttled')
  wake(id, free, 'muted')
  if ARGV[10] == '1' then join_rollup(id, ARGV[11], record, at, ARGV[22]) end
  return 'muted'
end

redis.call('HDEL', key('endings'), id)
if state == 'CLEARING' or state == 'CLOSED' then return 'known' end
if not state then
  create(id, 'CLOSED', 'incident', record)
  keep_effects(incident)
end
redis.call('HSET', incident, 'clear_trigger', trigger, 'cleared', cjson.decode(trigger).decided, 'ended', ARGV[17])
-- A further round may be muted after an earlier one did something, and so may what was adopted after a loss, of which
-- only the clear is left: that is settled, and taken back.
if (not state or state == 'MUTED') and redis.call('EXISTS', incident .. ':effects') == 0 then
  close(id, at)
  return 'closed'
end
redis.call('HSET', incident, 'state', 'CLEARING')
-- A worker that holds the lease learns of it from its next script, and rests the incident due at once.
if tonumber(redis.call('HGET', incident, 'lease_until')) <= at then wake(id, at, 'ready') end
return 'clearing'

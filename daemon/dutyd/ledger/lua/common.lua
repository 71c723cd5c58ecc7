-- Shared by every script of the ledger: put in front of each. ARGV[1] is the installation; keys are made here,
-- since scripts touch many of them (Redis Cluster is refused at start). Times are the server's, in milliseconds.
local prefix = ARGV[1]
local RETENTION_MS = 30 * 86400000
local PAST_MS = 86400000  -- how long it is known of a closed incident when it was open

local function key(...) return prefix .. ':' .. table.concat({...}, ':') end

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- `stuck` holds the incidents that something unexpected has stopped: a person must look.
local function set_wait(id, wait)
  redis.call('HSET', key('incident', id), 'wait', wait)
  redis.call(wait == 'person' and 'SADD' or 'SREM', key('stuck'), id)
end

-- `busy` holds the incidents that will go on by themselves: what `run --until-idle` waits for.
-- `due` holds every incident with a due time, and one lane for each rule holds those of the rule: claims go round the
-- lanes, so that a storm of one rule holds up no other.
local function lane_of(id)
  local rule = redis.call('HGET', key('incident', id), 'rule') or ''
  return rule, key('due', rule)
end

local function wake(id, at, wait)
  local rule, lane = lane_of(id)
  redis.call('ZADD', key('due'), at, id)
  redis.call('ZADD', lane, at, id)
  redis.call('SADD', key('lanes'), rule)
  set_wait(id, wait)
  if wait == 'approval' or wait == 'muted' or wait == 'paused' then
    redis.call('SREM', key('busy'), id)
  else
    redis.call('SADD', key('busy'), id)
  end
end

local function sleep(id, wait)
  local rule, lane = lane_of(id)
  redis.call('ZREM', key('due'), id)
  redis.call('ZREM', lane, id)
  if redis.call('EXISTS', lane) == 0 then redis.call('SREM', key('lanes'), rule) end
  redis.call('SREM', key('busy'), id)
  set_wait(id, wait)
end

-- Something happened to an incident from outside: it is due now, or, where somebody works on it, when it is rested.
local function poke(id, at)
  local incident = key('incident', id)
  local state = redis.call('HGET', incident, 'state')
  if not state or state == 'CLOSED' then return end
  if tonumber(redis.call('HGET', incident, 'lease_until')) > at then
    redis.call('HSET', incident, 'poked', '1')
  else
    wake(id, at, 'ready')
  end
end

-- Whether the ledger was born on another server than this, or never: its newest data may be gone. Until `act.adopt` has
-- looked nothing is taken in, which would hide the gap in what was accepted, and nothing is claimed.
local function stranger()
  local born = redis.call('HGET', key('birth'), 'server')
  return not born or born ~= string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end

-- An older copy of the data may know a claim that is long over, so nobody holds anything before the ledger is whole.
local function holds(id, fence)
  return not stranger() and redis.call('HGET', key('incident', id), 'fence') == fence
end

-- Notes that a partition is accepted up to an offset, never back. Offsets may be larger than a double holds exactly:
-- they are compared as whole numbers in text.
local function pass_by(source, offset)
  local before = redis.call('HGET', key('accepted'), source) or '0'
  if #offset > #before or (#offset == #before and offset > before) then
    redis.call('HSET', key('accepted'), source, offset)
  end
end

local function object(name)
  local flat, out = redis.call('HGETALL', name), {}
  for i = 1, #flat, 2 do out[flat[i]] = flat[i + 1] end
  return out
end

-- One whole record for the outcomes topic, kept until it was produced.
local function publish(name, kind, record)
  record.kind, record.v = kind, 1
  redis.call('HSET', key('outcomes'), name, cjson.encode(record))
end

-- What a person decided, kept until it stands in the audit topic.
local function audit(who, did, what, why, more)
  local record = more or {}
  record.at, record.who, record.did, record.what, record.why, record.v = now_ms(), who, did, what, why, 1
  redis.call('XADD', key('audit'), '*', 'record', cjson.encode(record))
end

local function release_money(effect)
  if effect.held_day then
    local spent = key('spent', effect.held_day)
    redis.call('HINCRBY', spent, 'all', -tonumber(effect.micros))
    redis.call('HINCRBY', spent, 'rule:' .. effect.rule, -tonumber(effect.micros))
  end
end

-- Holds what an effect spends against the day, in place of what it held: a larger sum against today and its limits
-- {per_rule_day, per_day} (micros), a smaller one against the day that has held it. Answers the limit that forbids it,
-- with nothing changed; nil where it is held.
local function hold_money(name, micros, limits, at)
  local effect, today = object(key('effect', name)), tostring(math.floor(at / 86400000))
  local held, rule, over = effect.held_day and tonumber(effect.micros) or 0, 'rule:' .. effect.rule, nil
  local day = micros > held and today or effect.held_day
  if not day then return nil end
  local spent, own = key('spent', day), effect.held_day == day and held or 0
  for _, each in ipairs(micros > held and {{rule, 'per_rule_day'}, {'all', 'per_day'}} or {}) do
    local limit, sum = limits[each[2]], tonumber(redis.call('HGET', spent, each[1]) or '0') - own + micros
    if limit ~= cjson.null and sum > limit then over = 'budget: ' .. each[2] end
  end
  if over then return over end
  release_money(effect)
  redis.call('HINCRBY', spent, 'all', micros)
  redis.call('HINCRBY', spent, rule, micros)
  redis.call('PEXPIRE', spent, RETENTION_MS)
  redis.call('HSET', key('effect', name), 'held_day', day, 'micros', micros)
  return nil
end

local ENDED = {DONE = true, REFUSED = true}

-- Writes an effect's state; `effects:STATE` holds the names of those that have not ended, for whoever watches.
local function set_state(name, state, reason)
  local effect_key = key('effect', name)
  local before = redis.call('HGET', effect_key, 'state')
  if before then redis.call('SREM', key('effects', before), name) end
  if not ENDED[state] then redis.call('SADD', key('effects', state), name) end
  redis.call('HSET', effect_key, 'state', state, 'reason', reason)
end

-- Ends an effect, or moves it: the one place where its state is written after `reserve`, but for SENDING.
local function set_effect(name, state, reason)
  local effect_key = key('effect', name)
  set_state(name, state, reason)
  redis.call('SREM', key('approvals'), name)
  if state == 'AWAITING_APPROVAL' then  -- somebody is asked from now on
    redis.call('SADD', key('approvals'), name)
    redis.call('HSET', effect_key, 'asked', now_ms())
  end
  if state == 'DONE' then
    redis.call('ZADD', key('unswept'), now_ms(), name)
    redis.call('ZREMRANGEBYSCORE', key('unswept'), '-inf', now_ms() - 2 * 86400000)  -- nobody sweeps
  end
  if state == 'REFUSED' then release_money(object(effect_key)) end
  if state == 'DONE' or state == 'REFUSED' or state == 'PARKED' then publish(name, 'effect', object(effect_key)) end
end

-- Takes a reserved effect of an incident older than this ledger for one whose outcome nobody knows: it may have been sent
-- before the loss, unless a person knows better. Answers whether it is one.
local function doubt(name, fence, why)
  local effect, birth = object(key('effect', name)), tonumber(redis.call('HGET', key('birth'), 'at') or '0')
  local produced = redis.call('HGET', key('incident', effect.incident or ''), 'produced')
  local before = produced and tonumber(produced) < birth and tonumber(effect.sent or '0') < birth
  if effect.state ~= 'RESERVED' or effect.settled or not before then return false end
  set_effect(name, 'UNKNOWN', why)
  redis.call('HSET', key('effect', name), 'fence', fence, 'sent', now_ms(), 'first_sent', produced)
  redis.call('HINCRBY', key('effect', name), 'attempts', 1)
  return true
end

-- What muted incidents ends: they are due. Answers how many.
local function unmute(by)
  local mutes, woken = key('mutes', by), 0
  for _, id in ipairs(redis.call('SMEMBERS', mutes)) do
    if redis.call('HGET', key('incident', id), 'state') == 'MUTED' then
      poke(id, now_ms())
      woken = woken + 1
    end
  end
  redis.call('DEL', mutes)
  return woken
end

-- The keys of all that is known of an incident.
local function parts_of(id)
  local incident, parts = key('incident', id), {}
  for _, name in ipairs(redis.call('LRANGE', incident .. ':effects', 0, -1)) do parts[#parts + 1] = key('effect', name) end
  for _, part in ipairs({'', ':effects', ':turns', ':steps', ':tries', ':members', ':open', ':rejected', ':notes'}) do
    parts[#parts + 1] = incident .. part
  end
  for round = 2, cjson.decode(redis.call('HGET', incident, 'trigger')).round do
    parts[#parts + 1] = incident .. ':turns/r:' .. round
  end
  return parts
end

-- Begins the record of an incident; *of* holds its rule, entity, trigger, opened, produced, mode and throttle.
local function create(id, state, kind, of)
  local incident = key('incident', id)
  redis.call('HSET', incident, 'id', id, 'state', state, 'kind', kind, 'rule', of.rule, 'entity', of.entity,
    'trigger', of.trigger, 'opened', of.opened, 'produced', of.produced, 'accepted', now_ms(), 'mode', of.mode,
    'throttle', of.throttle, 'fence', '0', 'lease_until', '0', 'v', '1')
  redis.call('PERSIST', incident)
  redis.call('ZADD', key('incidents'), of.opened, id)
end

-- What was adopted after a loss is kept as long as its incident is open.
local function keep_effects(incident)
  for _, name in ipairs(redis.call('LRANGE', incident .. ':effects', 0, -1)) do
    redis.call('PERSIST', key('effect', name))
  end
  redis.call('PERSIST', incident .. ':effects')
end

local function is_over(state) return not state or state == 'CLEARING' or state == 'CLOSED' end

-- Makes an incident a member of another, which acts for it: a storm's, or a group's.
local function join(id, parent, why, wait)
  local incident, whole = key('incident', id), key('incident', parent)
  if redis.call('SADD', whole .. ':open', id) == 1 then redis.call('RPUSH', whole .. ':members', id) end
  redis.call('HSET', incident, 'parent', parent, 'state', 'MUTED', 'muted_by', 'incident:' .. parent,
    'muted_why', why .. ', see incident ' .. parent:sub(1, 10))
  sleep(id, wait)
end

local close

-- The last open member ends its parent, too; a group that has not begun leaves nothing to take back.
local function leave(id, at)
  local incident = key('incident', id)
  local parent = redis.call('HGET', incident, 'parent')
  if not parent then return end
  local whole = key('incident', parent)
  if redis.call('SREM', whole .. ':open', id) == 0 then return end  -- however often it is closed
  local state = redis.call('HGET', whole, 'state')
  if redis.call('SCARD', whole .. ':open') > 0 or is_over(state) then return end
  for _, name in ipairs({'clear_trigger', 'cleared', 'ended'}) do
    local said = redis.call('HGET', incident, name)
    if said then redis.call('HSET', whole, name, said) end
  end
  local begun = redis.call('HGET', whole, 'kind') ~= 'group' or redis.call('HEXISTS', whole, 'formed') == 1
  if not begun and tonumber(redis.call('HGET', whole, 'lease_until')) <= at then
    close(parent, at)
  else
    redis.call('HSET', whole, 'state', 'CLEARING')
    poke(parent, at)
  end
end

-- Whether an effect of an incident has not ended.
local function leaves_open(id)
  for _, name in ipairs(redis.call('LRANGE', key('incident', id) .. ':effects', 0, -1)) do
    local state = redis.call('HGET', key('effect', name), 'state')
    if state and not ENDED[state] and state ~= 'PARKED' then return true end
  end
  return false
end

-- An incident that is over while an effect of it is not: of a step that nobody knows any more, or in an older copy of the
-- data. It is worked until that has ended, too; nothing of it is sent (`act.leftovers`).
local function end_leftovers(id, at)
  redis.call('HSET', key('incident', id), 'state', 'CLEARING', 'over', '1')
  for _, part in ipairs(parts_of(id)) do redis.call('PERSIST', part) end
  wake(id, at, 'ready')
end

function close(id, at)
  local incident = key('incident', id)
  if leaves_open(id) then return end_leftovers(id, at) end
  redis.call('HDEL', incident, 'over')
  redis.call('HSET', incident, 'state', 'CLOSED', 'closed', at)
  sleep(id, '')
  local rule = redis.call('HGET', incident, 'rule')
  if redis.call('HDEL', key('open', rule), id) == 1 then  -- it may have muted what a worker has not looked at yet
    redis.call('ZADD', key('past', rule), at, id)
    redis.call('ZREMRANGEBYSCORE', key('past', rule), '-inf', at - PAST_MS)
    redis.call('PEXPIRE', key('past', rule), PAST_MS)
  end
  unmute('incident:' .. id)
  leave(id, at)
  redis.call('SREM', key('held'), id)
  publish(id, 'incident', object(incident))
  for _, part in ipairs(parts_of(id)) do redis.call('PEXPIRE', part, RETENTION_MS) end
  local trigger = cjson.decode(redis.call('HGET', incident, 'trigger'))
  -- Members that have no end of their own end with the one that acted for them.
  for _, member in ipairs(trigger.momentary and redis.call('SMEMBERS', incident .. ':open') or {}) do
    close(member, at)
  end
end

-- Counts an incident against its rule's rates: 0 lets it pass, else the time when the first place is free again.
local function throttled_until(id, rule, entity, spec, at)
  local scopes, free = {{key('throttle', rule), spec.rule}, {key('throttle', rule, entity), spec.entity}}, 0
  for _, scope in ipairs(scopes) do
    for _, rate in ipairs(scope[2]) do
      local count, span = rate[1], rate[2]
      if redis.call('ZCOUNT', scope[1], '(' .. (at - span), '+inf') >= count then
        local nth = redis.call('ZREVRANGE', scope[1], count - 1, count - 1, 'WITHSCORES')
        free = math.max(free, tonumber(nth[2]) + span)
      end
    end
  end
  if free > 0 then return free end
  for _, scope in ipairs(scopes) do
    local longest = 0
    for _, rate in ipairs(scope[2]) do longest = math.max(longest, rate[2]) end
    if longest > 0 then
      redis.call('ZADD', scope[1], at, id)
      redis.call('ZREMRANGEBYSCORE', scope[1], '-inf', at - longest)
      redis.call('PEXPIRE', scope[1], longest)
    end
  end
  return 0
end

-- Muted pages are told once: they gather for *gathering* ms, then at most one roll-up page, *rollup*, in the shortest span
-- of the throttle. *of* holds what the page's own record begins with.
local function join_rollup(id, rollup, of, at, gathering)
  local spec, pointer = cjson.decode(of.throttle), key('rollup', of.rule)
  local current = redis.call('HGET', pointer, 'id')
  if not current or redis.call('HGET', key('incident', current), 'state') ~= 'ACCEPTED' then
    local span
    for _, rates in ipairs({spec.rule, spec.entity}) do
      for _, rate in ipairs(rates) do span = math.min(span or rate[2], rate[2]) end
    end
    local due = math.max(at + gathering, tonumber(redis.call('HGET', pointer, 'at') or '0') + span)
    current = rollup
    create(current, 'ACCEPTED', 'rollup', of)
    wake(current, due, 'muted')
    redis.call('HSET', pointer, 'id', current, 'at', due)
  end
  redis.call('RPUSH', key('incident', current) .. ':members', id)
end

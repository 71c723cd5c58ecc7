-- Takes in what the outcomes topic remembers, where this ledger does not know it or knows less. Repeating it changes
-- nothing; what an older copy of the data would still produce under the same key is forgotten. ARGV: 2.. key, record
-- (JSON) pairs. Answers how many records were new, and how many of them this ledger would still know had it lost nothing.
local at, adopted, forgotten, touched = now_ms(), 0, 0, {}

local function count(record)
  local since = tonumber(record.closed or record.ended or record.reserved or record.accepted or '0')
  adopted = adopted + 1
  if at - since < RETENTION_MS - 86400000 then forgotten = forgotten + 1 end
end

local function fields(record)
  local flat = {}
  for name, value in pairs(record) do
    if name ~= 'kind' then
      flat[#flat + 1] = name
      flat[#flat + 1] = tostring(value)
    end
  end
  return flat
end

local function ended(state) return state == 'DONE' or state == 'REFUSED' or state == 'PARKED' end

local function adopt_effect(name, record)
  local effect = key('effect', name)
  local state = redis.call('HGET', effect, 'state')
  touched[record.incident] = true
  local settled = state == 'PARKED' and (record.state == 'DONE' or record.state == 'REFUSED')
  if (ended(state) and not settled) or (state and not ended(record.state)) then return end
  if state and record.state == 'REFUSED' then release_money(object(effect)) end
  set_state(name, record.state, record.reason or '')
  redis.call('HDEL', key('outcomes'), name)
  redis.call('HSET', effect, unpack(fields(record)))
  redis.call('SREM', key('approvals'), name)
  if not state then
    redis.call('RPUSH', key('incident', record.incident) .. ':effects', name)
    redis.call('PEXPIRE', effect, RETENTION_MS)
    redis.call('PEXPIRE', key('incident', record.incident) .. ':effects', RETENTION_MS)
    if record.held_day == tostring(math.floor(at / 86400000)) and record.state ~= 'REFUSED' then
      local spent = key('spent', record.held_day)
      redis.call('HINCRBY', spent, 'all', record.micros)
      redis.call('HINCRBY', spent, 'rule:' .. record.rule, record.micros)
      redis.call('PEXPIRE', spent, RETENTION_MS)
    end
  end
  count(record)
end

local function know_members(id, record)
  for _, member in ipairs(record.members and cjson.decode(record.members) or {}) do
    local incident = key('incident', member)
    local state = redis.call('HGET', incident, 'state')
    redis.call('HSET', incident, 'parent', id)
    if not state then redis.call('PEXPIRE', incident, RETENTION_MS) end
    if state ~= 'CLOSED' and redis.call('SADD', key('incident', id) .. ':open', member) == 1 then
      redis.call('RPUSH', key('incident', id) .. ':members', member)
    end
  end
end

local function adopt_closed(id, record)
  local incident = key('incident', id)
  if redis.call('HGET', incident, 'state') == 'CLOSED' then return end
  redis.call('HDEL', key('outcomes'), id)
  redis.call('HSET', incident, unpack(fields(record)))
  redis.call('HSET', incident, 'kind', record.formed and 'group' or 'incident')
  redis.call('ZADD', key('incidents'), record.opened, id)
  redis.call('PEXPIRE', incident, RETENTION_MS)
  redis.call('HDEL', key('open', record.rule), id)
  sleep(id, '')
  know_members(id, record)
  leave(id, at)
  touched[id] = true
  count(record)
end

-- A group that has begun: it goes on when one of its members comes in again, or ends with the last of them.
local function adopt_group(id, record)
  local incident = key('incident', id)
  if redis.call('HEXISTS', incident, 'state') == 1 then return end
  redis.call('HSET', incident, unpack(fields(record)))
  redis.call('HSET', incident, 'kind', 'group', 'state', 'ACTIVE', 'fence', '0', 'lease_by', '', 'lease_until', '0')
  redis.call('ZADD', key('incidents'), record.opened, id)
  know_members(id, record)
  if redis.call('SCARD', incident .. ':open') == 0 then
    redis.call('HSET', incident, 'state', 'CLEARING')
    wake(id, at, 'ready')
  end
  count(record)
end

for i = 2, #ARGV, 2 do
  local record = cjson.decode(ARGV[i + 1])
  if record.kind == 'effect' or record.kind == 'approval' then
    adopt_effect(ARGV[i], record)
  elseif record.kind == 'group' then
    adopt_group(ARGV[i], record)
  else
    adopt_closed(ARGV[i], record)
  end
end
for id in pairs(touched) do
  if redis.call('HGET', key('incident', id), 'state') == 'CLOSED' and leaves_open(id) then end_leftovers(id, at) end
end
return {adopted, forgotten}

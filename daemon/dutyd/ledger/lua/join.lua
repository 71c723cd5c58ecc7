-- Makes a claimed incident a member of its group: the one that gathers now, else a new one. Its lease ends with that.
-- ARGV: 2 incident, 3 fence, 4 what the group has in common (text), 5 id, 6 trigger JSON and 7 entity text of the group
--       that it opens where none gathers, 8 how long a group gathers (ms), 9 its most members,
--       10 id of the roll-up page that it opens where it is throttled and pages.
-- Answers: own, cleared, lost.
local id, at = ARGV[2], now_ms()
local incident = key('incident', id)
local member, pointer = object(incident), key('group', ARGV[4])
if not holds(id, ARGV[3]) then return 'lost' end
if is_over(member.state) then return 'cleared' end
redis.call('HSET', incident, 'lease_until', '0', 'lease_by', '', 'fence', '0')

-- Adopted after a loss: it was a member before, and its group has begun.
if member.parent then
  local whole = key('incident', member.parent)
  join(id, member.parent, 'one of a group', 'group')
  if redis.call('HGET', whole, 'state') == 'CLOSED' then
    if cjson.decode(member.trigger).momentary then close(id, at) end
    return 'own'
  end
  keep_effects(whole)
  poke(member.parent, at)
  return 'own'
end

local parent = redis.call('GET', pointer)
if not parent or redis.call('HGET', key('incident', parent), 'state') ~= 'ACCEPTED' then
  parent = ARGV[5]
  member.trigger, member.entity = ARGV[6], ARGV[7]
  create(parent, 'ACCEPTED', 'group', member)
  if member.pages then redis.call('HSET', key('incident', parent), 'rollup', ARGV[10]) end
  wake(parent, at + ARGV[8], 'group')
  redis.call('SET', pointer, parent, 'PX', RETENTION_MS)
end
if member.braked then redis.call('HSET', key('incident', parent), 'braked', '1', 'mode', member.mode) end
join(id, parent, 'one of a group', 'group')
if redis.call('SCARD', key('incident', parent) .. ':open') >= tonumber(ARGV[9]) then
  redis.call('DEL', pointer)
  wake(parent, at, 'ready')
end
return 'own'

-- A person handles an incident: takes note of it, acknowledges it, or closes it. Audited.
-- ARGV: 2 incident, 3 'note' | 'ack' | 'close', 4 who, 5 because, 6 the trigger that clears it and 7 what the evaluator
--       is asked to end (JSON both, for 'close'), 8.. member, what the evaluator is asked to end, for each of its
--       members. Answers: done, the state that forbids it, '' = no such incident.
local id, did, at = ARGV[2], ARGV[3], now_ms()
local incident = key('incident', id)
local state = redis.call('HGET', incident, 'state')
if not state then return '' end
if did == 'close' and (state == 'CLEARING' or state == 'CLOSED') then return state end
if did == 'ack' and state == 'CLOSED' then return state end

-- What has no end of its own has no latch to be ended, either: no clear would ever take the order away.
local function ask_to_end(one, order)
  local trigger = redis.call('HGET', key('incident', one), 'trigger')
  if trigger and cjson.decode(trigger).momentary then return end
  redis.call('HSET', key('endings'), one, order)
end

-- An order that no clear answered is as old as what it is about.
local function forget_old_orders()
  for _, one in ipairs(redis.call('HKEYS', key('endings'))) do
    if redis.call('EXISTS', key('incident', one)) == 0 then redis.call('HDEL', key('endings'), one) end
  end
end

redis.call('RPUSH', incident .. ':notes', cjson.encode({at = at, who = ARGV[4], did = did, because = ARGV[5]}))
audit(ARGV[4], did, id, ARGV[5], {rule = redis.call('HGET', incident, 'rule')})
if did == 'ack' then redis.call('HSET', incident, 'acked_by', ARGV[4], 'acked', at) end
if did == 'close' then
  redis.call('HSET', incident, 'clear_trigger', ARGV[6], 'cleared', cjson.decode(ARGV[6]).decided, 'ended', at)
  forget_old_orders()
  if redis.call('HGET', incident, 'kind') == 'incident' then ask_to_end(id, ARGV[7]) end
  for i = 8, #ARGV, 2 do
    if redis.call('SISMEMBER', incident .. ':open', ARGV[i]) == 1 then
      ask_to_end(ARGV[i], ARGV[i + 1])
    end
  end
  if state == 'MUTED' and redis.call('EXISTS', incident .. ':effects') == 0 then
    close(id, at)
  else
    redis.call('HSET', incident, 'state', 'CLEARING')
    poke(id, at)
  end
end
if state == 'CLOSED' then redis.call('PEXPIRE', incident .. ':notes', RETENTION_MS) end
return 'done'

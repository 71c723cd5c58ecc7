-- The one fenced write of a task and batch: changed latches, offsets decided up to, new triggers, acked ones dropped.
-- KEYS: task, latches, outbox, windows.
-- ARGV: token, server's run id, number of this write, how many acked triggers to drop, 1 where the windows that are
--       there go first, for how many seconds they are kept from now on (0: as before),
--       then six counted lists: offsets (field, value), latches (field, value), latches that are gone, triggers,
--       windows (field, value), windows that are gone.
-- Answers 'own'; 'another' owns the task now; 'lost': this server does not have what the owner wrote before.
local state = redis.call('HMGET', KEYS[1], 'owner', 'write')
if not state[1] then return 'lost' end
if state[1] ~= ARGV[1] then return 'another' end
if string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') ~= ARGV[2] then return 'lost' end
-- A write that is repeated because its answer got lost, or that comes late over a cut connection, changes nothing.
if tonumber(ARGV[3]) <= tonumber(state[2]) then return 'own' end

local at = 7
local function each_list(command, key)
  local last = at + tonumber(ARGV[at])
  for from = at + 1, last, 1000 do -- Lua's stack bounds how many arguments one call may have
    redis.call(command, key, unpack(ARGV, from, math.min(from + 999, last)))
  end
  at = last + 1
end

-- The first command is one that a full or read-only server refuses: then nothing is written at all.
redis.call('HSET', KEYS[1], 'write', ARGV[3])
each_list('HSET', KEYS[1])
each_list('HSET', KEYS[2])
each_list('HDEL', KEYS[2])
if ARGV[4] ~= '0' then redis.call('LTRIM', KEYS[3], ARGV[4], -1) end
each_list('RPUSH', KEYS[3])
if ARGV[5] == '1' then redis.call('UNLINK', KEYS[4]) end
each_list('HSET', KEYS[4])
each_list('HDEL', KEYS[4])
if ARGV[6] ~= '0' then
  redis.call('HSET', KEYS[4], 'owner', ARGV[1])
  redis.call('EXPIRE', KEYS[4], ARGV[6])
end
return 'own'

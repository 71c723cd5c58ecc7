-- Holds what an agent run may take at most of the day's limits, its rule's and everybody's, before it asks anything. A run
-- that holds something, since a worker died in it, holds this instead. What is held is gone with its day.
-- ARGV: 2 incident, 3 fence, 4 rule, 5 tokens, 6 micros (US dollars), 7 limits JSON {name: number (micros) or null}
-- Answers {'held', day} | {'in_the_way', name of the limit} | {'lost', ''}.
local id, rule = ARGV[2], ARGV[4]
if not holds(id, ARGV[3]) then return {'lost', ''} end
local day = tostring(math.floor(now_ms() / 86400000))
local spent, held = key('spent', day), key('model_held', day)
local run = {rule = rule, tokens = tonumber(ARGV[5]), micros = tonumber(ARGV[6])}
local function sum(of, what)
  return tonumber(redis.call('HGET', spent, 'model_' .. what .. of) or '0')
end
local of_rule = {tokens = sum(':' .. rule, 'tokens'), micros = sum(':' .. rule, 'micros')}
local of_all = {tokens = sum('', 'tokens'), micros = sum('', 'micros')}
for other, record in pairs(object(held)) do
  if other ~= id then
    local runs = cjson.decode(record)
    for _, what in ipairs({'tokens', 'micros'}) do
      of_all[what] = of_all[what] + runs[what]
      if runs.rule == rule then of_rule[what] = of_rule[what] + runs[what] end
    end
  end
end
local limits = cjson.decode(ARGV[7])
for _, each in ipairs({{'tokens_per_rule_day', of_rule, 'tokens'}, {'usd_per_rule_day', of_rule, 'micros'},
    {'tokens_per_day', of_all, 'tokens'}, {'usd_per_day', of_all, 'micros'}}) do
  local limit, taken, what = limits[each[1]], each[2], each[3]
  if limit ~= cjson.null and (taken[what] >= limit or taken[what] + run[what] > limit) then
    return {'in_the_way', each[1]}
  end
end
redis.call('HSET', held, id, cjson.encode(run))
redis.call('PEXPIRE', held, RETENTION_MS)
return {'held', day}

-- The slots in use are leases, members `owner:number` of a sorted set by the instant at which they end. Those who wait
-- stand in a second one by their turn; whoever gives slots back hands them to them.
--
-- KEYS: leases, queue, state, who is there.
-- ARGV: owner, limit, lease, patience, wanted, adopted, presence, the prefix of channels, the name of the limit,
--       whether all that the owner knows of are renewed (1 or 0), how many; then those, then those to give back.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local leases, queue, state, present = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local me, limit, lease, patience = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local wanted, adopted, presence = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local channel, name, is_all, renewed = ARGV[8], ARGV[9], ARGV[10] == '1', tonumber(ARGV[11])

local function text(number) return string.format('%.0f', number) end

local known = redis.call('HMGET', state, 'last', 'number', 'turn', 'paused', 'told', 'ahead', 'teller')
-- A clock that was set back does not stop the limit: from then on its time is so much ahead of it.
local ahead = math.max(tonumber(known[6] or 0), tonumber(known[1] or 0) - now)
now = now + ahead
local number, turn = tonumber(known[2] or 0), tonumber(known[3] or 0)
local paused, told, teller = tonumber(known[4] or 0), tonumber(known[5] or 0), known[7] or ''

local function lend(owner)
  number = number + 1
  local entry = owner .. ':' .. text(number)
  redis.call('ZADD', leases, text(now + lease), entry)
  return entry
end

redis.call('ZREMRANGEBYSCORE', leases, '-inf', text(now))
for i = 12 + renewed, #ARGV do redis.call('ZREM', leases, ARGV[i]) end
local lost, granted = {}, {}
if is_all then
  -- What was handed to this owner and is not among those: nobody told it.
  local renewing = {}
  for i = 12, 11 + renewed do renewing[ARGV[i]] = true end
  for _, entry in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
    if string.match(entry, '^[^:]*') == me and not renewing[entry] then
      redis.call('ZADD', leases, text(now + lease), entry)
      granted[#granted + 1] = entry
    end
  end
end
for i = 12, 11 + renewed do
  if redis.call('ZSCORE', leases, ARGV[i]) then redis.call('ZADD', leases, text(now + lease), ARGV[i])
  else lost[#lost + 1] = ARGV[i] end
end
redis.call('ZADD', present, text(now), me)
redis.call('ZREMRANGEBYSCORE', present, '-inf', text(now - presence))
local processes = redis.call('ZCARD', present)

for _ = 1, adopted do granted[#granted + 1] = lend(me) end
if wanted > 0 then
  if redis.call('ZADD', queue, 'NX', text(turn + 1), me) == 1 then turn = turn + 1 end
  redis.call('HSET', state, 'w:' .. me, text(wanted))
else
  redis.call('ZREM', queue, me)
  redis.call('HDEL', state, 'w:' .. me)
end

local free = limit - redis.call('ZCARD', leases)
local waiting = redis.call('ZCARD', queue)
while free > 0 and waiting > 0 and now >= paused do
  local owner = redis.call('ZRANGE', queue, 0, 0)[1]
  if tonumber(redis.call('ZSCORE', present, owner) or 0) < now - patience then
    redis.call('ZREM', queue, owner)  -- it was not heard of for too long to be handed anything
    redis.call('HDEL', state, 'w:' .. owner)
  else
    local need = tonumber(redis.call('HGET', state, 'w:' .. owner) or 0)
    local lent = math.min(need, free, math.max(1, math.floor(free / waiting)))
    local entries = {}
    for _ = 1, lent do entries[#entries + 1] = lend(owner) end
    free = free - lent
    if need > lent then
      turn = turn + 1
      redis.call('ZADD', queue, text(turn), owner)
      redis.call('HSET', state, 'w:' .. owner, text(need - lent))
    else
      redis.call('ZREM', queue, owner)
      redis.call('HDEL', state, 'w:' .. owner)
    end
    if owner == me then for _, entry in ipairs(entries) do granted[#granted + 1] = entry end
    elseif lent > 0 then
      redis.call('PUBLISH', channel .. owner, 'lent ' .. name .. ' ' .. table.concat(entries, ' '))
    end
  end
  waiting = redis.call('ZCARD', queue)
end
local share = math.floor(limit / math.max(1, processes))
local is_old = now - told > 50000
if waiting > 0 and (is_old or (teller ~= me and teller ~= '-')) then  -- everybody hears it, so not too often
  told, teller = now, is_old and me or '-'  -- who tells does not heed it, so when two do, it comes from nobody
  redis.call('PUBLISH', channel .. 'all', 'wanted ' .. name .. ' ' .. text(share) .. ' ' .. teller)
end

redis.call('HSET', state, 'last', text(now), 'number', text(number), 'turn', text(turn), 'paused', text(paused),
           'told', text(told), 'ahead', text(ahead), 'teller', teller)
local kept = math.max(2 * lease, presence, paused - now)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, text(math.ceil(kept / 1000) + 1000)) end
local is_queued = redis.call('ZSCORE', queue, me) and 1 or 0
return {now, processes, waiting, paused, is_queued, granted, lost, number}

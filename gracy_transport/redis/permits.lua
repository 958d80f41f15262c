-- The N permits of a rule are entries of a sorted set, `owner:number:count`, by the instant from which on they can be
-- had. Whoever takes some may use them from then on and for `lease` longer, so they are back one period after that, or
-- earlier, once the owner has said when it really used them.
--
-- KEYS: entries, state, who was left wanting, who is there.
-- ARGV: owner, limit, period, spacing, lease, horizon, wanted, may wait (1 or 0), presence, number of settlements;
--       then for each settlement: entry, used count, when those are back, when the rest is back;
--       then for each use without a permit: count, when it was.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local units, state, wanting, present = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local me, limit, period = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local spacing, lease, horizon = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local wanted, may_wait, presence = tonumber(ARGV[7]), ARGV[8] == '1', tonumber(ARGV[9])

local function text(number) return string.format('%.0f', number) end

local known = redis.call('HMGET', state, 'last', 'number', 'born', 'paused', 'spaced', 'o:' .. me, 'ahead')
-- A clock that was set back does not stop the limit: from then on its time is so much ahead of it.
local ahead = math.max(tonumber(known[7] or 0), tonumber(known[1] or 0) - now)
now = now + ahead
local number, born = tonumber(known[2] or 0), tonumber(known[3] or 0)
local paused, spaced = tonumber(known[4] or 0), tonumber(known[5] or 0)
local mine = tonumber(known[6] or 0)
if born == 0 or redis.call('EXISTS', units) == 0 then
  redis.call('DEL', units, state)
  number, born, mine, spaced = 0, now, 0, 0
  redis.call('ZADD', units, 0, '-:0:' .. text(limit))
end

local function count_for(owner, count)
  if owner == me then mine = mine + count
  elseif owner ~= '-' and redis.call('HINCRBY', state, 'o:' .. owner, count) <= 0 then
    redis.call('HDEL', state, 'o:' .. owner)
  end
end
local function parse(entry)
  local owner, count = string.match(entry, '^([^:]*):[^:]*:(%d+)$')
  return owner, tonumber(count)
end
local function put(owner, count, back)
  number = number + 1
  local entry = owner .. ':' .. text(number) .. ':' .. text(count)
  redis.call('ZADD', units, text(back), entry)
  count_for(owner, count)
  return entry
end
local function pull(entry, owner, count)
  redis.call('ZREM', units, entry)
  count_for(owner, -count)
end

-- What became of permits that were taken before.
local at = 11
for _ = 1, tonumber(ARGV[10]) do
  local entry, used = ARGV[at], tonumber(ARGV[at + 1])
  local owner, count = parse(entry)
  if redis.call('ZSCORE', units, entry) then
    pull(entry, owner, count)
    if used > 0 then put(owner, used, tonumber(ARGV[at + 2])) end
    if count > used then put('-', count - used, tonumber(ARGV[at + 3])) end
  end
  at = at + 4
end
-- What was sent without asking counts too: later permits wait the longer for it.
while at < #ARGV do
  local over, back = tonumber(ARGV[at]), tonumber(ARGV[at + 1]) + period
  while over > 0 do
    local top = redis.call('ZRANGE', units, 0, 0, 'WITHSCORES')
    local owner, count = parse(top[1])
    local taken = math.min(over, count)
    pull(top[1], owner, count)
    if count > taken then put(owner, count - taken, tonumber(top[2])) end
    put(me, taken, math.max(back, tonumber(top[2])))
    over = over - taken
  end
  at = at + 2
end

-- What is back is nobody's.
local freed, back_now = 0, redis.call('ZRANGEBYSCORE', units, '-inf', text(now))
if #back_now > 1 or (back_now[1] and string.sub(back_now[1], 1, 1) ~= '-') then
  for _, entry in ipairs(back_now) do
    local owner, count = parse(entry)
    pull(entry, owner, count)
    freed = freed + count
  end
  put('-', freed, 0)
end

-- Nobody takes more than a fair part while others are left wanting: the rest of it goes out a little slower.
redis.call('ZREMRANGEBYSCORE', wanting, '-inf', text(now))
redis.call('ZREM', wanting, me)
local others = redis.call('ZCARD', wanting)
local share = others > 0 and math.ceil(limit / (others + 1)) or limit

local grain = math.max(1, math.min(1000, math.floor(period / 2000)))
local earliest = math.max(now, paused)
local granted, left = {}, wanted
local from, count_from = 0, 0
local function lend()
  if count_from > 0 then
    local entry = put(me, count_from, from + lease + period)
    granted[#granted + 1] = entry
    granted[#granted + 1] = from
    granted[#granted + 1] = count_from
    count_from = 0
  end
end
while left > 0 do
  local top = redis.call('ZRANGE', units, 0, 0, 'WITHSCORES')
  if not top[1] then
    lend()  -- every permit there is
    top = redis.call('ZRANGE', units, 0, 0, 'WITHSCORES')
  end
  local back = tonumber(top[2])
  local owner, count = parse(top[1])
  local opens = math.max(back, earliest)
  local taken = math.min(left, count)
  local is_beyond = owner ~= me and mine + count_from >= share
  if is_beyond then opens, taken = math.max(opens, now + lease / 4), 1
  elseif owner ~= me then taken = math.min(taken, share - mine - count_from) end
  if spacing > 0 then opens, taken = math.max(opens, spaced + spacing), 1 end
  if opens > now then opens = math.ceil(opens / grain) * grain end
  if opens > now + horizon or is_beyond then  -- one, so that who asks has something to wait for
    if not may_wait or #granted > 0 or count_from > 0 then break end
    taken, wanted, left = 1, left, 1
  end
  pull(top[1], owner, count)
  if count > taken then put(owner, count - taken, back) end
  if opens ~= from then lend() end
  from, count_from, left, wanted = opens, count_from + taken, left - taken, wanted - taken
  if spacing > 0 then spaced = opens end
end
lend()
if wanted > 0 and may_wait then
  redis.call('ZADD', wanting, text(math.max(from, now) + lease + horizon), me)
end

redis.call('ZADD', present, text(now), me)
redis.call('ZREMRANGEBYSCORE', present, '-inf', text(now - presence))
redis.call('ZREMRANGEBYSCORE', present, '(' .. text(now), '+inf')  -- from before it was set back
redis.call('HSET', state, 'last', text(now), 'number', text(number), 'born', text(born), 'paused', text(paused),
           'spaced', text(spaced), 'o:' .. me, text(mine), 'ahead', text(ahead))
if mine <= 0 then redis.call('HDEL', state, 'o:' .. me) end
local last = tonumber(redis.call('ZRANGE', units, -1, -1, 'WITHSCORES')[2])
local kept = math.ceil((math.max(last, paused, spaced) - now) / 1000) + 1000
redis.call('PEXPIRE', units, text(kept))
redis.call('PEXPIRE', state, text(kept))
redis.call('PEXPIRE', wanting, text(kept))
redis.call('PEXPIRE', present, text(math.max(kept, math.ceil(presence / 1000))))
return {now, born, redis.call('ZCARD', present), others, paused, granted}

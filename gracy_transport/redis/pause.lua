-- KEYS: state. ARGV: for how long, the channel of all, the name of the limit.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local last, paused, ahead = unpack(redis.call('HMGET', KEYS[1], 'last', 'paused', 'ahead'))
now = now + math.max(tonumber(ahead or 0), tonumber(last or 0) - now)
local over = math.max(tonumber(paused or 0), now + tonumber(ARGV[1]))
redis.call('HSET', KEYS[1], 'paused', string.format('%.0f', over))
local kept = math.ceil((over - now) / 1000) + 1000
if redis.call('PTTL', KEYS[1]) < kept then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', kept)) end
redis.call('PUBLISH', ARGV[2], 'pause ' .. ARGV[3] .. ' ' .. string.format('%.0f', over - now))

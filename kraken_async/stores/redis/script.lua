-- The keys and the reasons stand in script.py.
local STATE, TURN, LINE, SEEN, GO = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local LISTS = {recalled = {KEYS[6], 4096}, placed = {KEYS[7], 16384}}
local op = ARGV[1]
local time = redis.call('TIME')
local sec, usec = time[1], string.rep('0', 6 - #time[2]) .. time[2]
local now = tonumber(sec) * 1000 + math.floor(tonumber(usec) / 1000)

local function snapshot()
  local s = redis.call(
    'HMGET', STATE, 'v', 'unit', 'last', 'gen', 'era', 'era_gen', 'level', 'level_at', 'seldom', 'recalled', 'placed'
  )
  for i = 1, 11 do s[i] = s[i] or '' end
  s[12], s[13] = sec, usec
  return s
end

-- An answer of many fields, none of which has a line break: one text is read at a tenth of what a list costs.
local function told(first, fields)
  return first .. '\n' .. table.concat(fields, '\n')
end

-- Lists of which the newest entries are kept and all are counted -----

local function append(name, lines)
  if lines == '' then return end
  local list, most, count = LISTS[name][1], LISTS[name][2], 0
  for line in string.gmatch(lines, '[^\n]+') do
    redis.call('RPUSH', list, line)
    count = count + 1
  end
  redis.call('LTRIM', list, -most, -1)
  redis.call('HINCRBY', STATE, name, count)
end

-- What was appended after the first `known`, as far as it is kept, and how many there ever were.
local function newer(name, known)
  local total = tonumber(redis.call('HGET', STATE, name) or '0')
  local missing = total - tonumber(known)
  local found = {}
  if missing > 0 then found = redis.call('LRANGE', LISTS[name][1], -missing, -1) end
  return {total, found}
end

-- Statuses of living sessions: what a session last said of itself, until when it counts as living.

if op == 'beat' then
  local session, ms, status = ARGV[2], ARGV[3], ARGV[4]
  if status == '' then
    redis.call('HDEL', KEYS[8], session)
  else
    redis.call('HSET', KEYS[8], session, string.format('%d', now + tonumber(ms)) .. ' ' .. status)
    redis.call('EXPIRE', KEYS[8], 3600)
  end
  return '1'
end

if op == 'sessions' then
  local found, all = {}, redis.call('HGETALL', KEYS[8])
  for i = 1, #all, 2 do
    local until_ms, status = string.match(all[i + 1], '^(%d+) (.*)$')
    if until_ms and tonumber(until_ms) > now then
      table.insert(found, status)
    else
      redis.call('HDEL', KEYS[8], all[i])
    end
  end
  return found
end

if op == 'news' then return {newer('recalled', ARGV[2]), newer('placed', ARGV[3])} end

-- The turn ---------------------------------------------------------

local function leave_line(ticket)
  if redis.call('HDEL', SEEN, ticket) == 1 then redis.call('LREM', LINE, 0, ticket) end
end

local function first_in_line()
  while true do
    local head = redis.call('LINDEX', LINE, 0)
    if not head then return false end
    local until_ms = redis.call('HGET', SEEN, head)
    if until_ms and tonumber(until_ms) > now then return head end
    redis.call('LPOP', LINE)
    redis.call('HDEL', SEEN, head)
  end
end

-- A waiter may have died since it was last seen, so its lease is short: its first step makes it a whole one.
local function hand_over(ms)
  local head = first_in_line()
  if not head then
    redis.call('DEL', TURN)
    return
  end
  leave_line(head)
  redis.call('SET', TURN, head, 'PX', ms)
  redis.call('RPUSH', GO .. head, cjson.encode(snapshot()))
  redis.call('PEXPIRE', GO .. head, ms)
end

if op == 'acquire' then
  local ticket, lease, short, patience = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
  local holder = redis.call('GET', TURN)
  if not holder then
    -- Free, or its lease has run out. Whoever notices first serves the line.
    local head = first_in_line()
    if head and head ~= ticket then
      hand_over(short)
      holder = head
    else
      holder = ticket
    end
  end
  if holder == ticket then
    leave_line(ticket)
    redis.call('DEL', GO .. ticket)
    redis.call('SET', TURN, ticket, 'PX', lease)
    return told('1', snapshot())
  end
  local left = redis.call('PTTL', TURN)
  if left < 0 then left = tonumber(lease) end
  if redis.call('HSET', SEEN, ticket, string.format('%d', now + left + patience)) == 1 then
    redis.call(ARGV[6] == '1' and 'LPUSH' or 'RPUSH', LINE, ticket)
  end
  redis.call('EXPIRE', SEEN, 3600)
  redis.call('EXPIRE', LINE, 3600)
  return {'0', left, holder}
end

-- How long ago (ms) a nonce was last taken with the turn, -1 where nobody has said so.
if op == 'moved' then
  local at = redis.call('HGET', STATE, 'turn_at')
  return at and math.max(0, now - tonumber(at)) or -1
end

if op == 'hurry' then
  if redis.call('LREM', LINE, 0, ARGV[2]) == 1 then redis.call('LPUSH', LINE, ARGV[2]) end
  return '1'
end

if op == 'renew' then
  local ticket, lease = ARGV[2], ARGV[3]
  if redis.call('GET', TURN) ~= ticket then return '0' end
  redis.call('PEXPIRE', TURN, lease)
  return '1'
end

if op == 'leave' then
  local ticket, short = ARGV[2], ARGV[3]
  append('placed', ARGV[4])
  leave_line(ticket)
  redis.call('DEL', GO .. ticket)
  local holder = redis.call('GET', TURN)
  if not holder or holder == ticket then hand_over(short) end
  return holder == ticket and '1' or '0'
end

-- The state ---------------------------------------------------------

if op == 'load' then return table.concat(snapshot(), '\n') end

local function above(a, b)
  if #a ~= #b then return #a > #b end
  return a > b
end

local function last_nonce() return redis.call('HGET', STATE, 'last') end

-- The server's clock in ticks, as a string.
local function ticks(unit, margin)
  local s = string.format('%d', tonumber(sec) + margin)
  if unit == 'ns' then return s .. usec .. '000' end
  if unit == 'us' then return s .. usec end
  return s .. string.sub(usec, 1, 3)
end

-- 'write' changes the state, 'take' also hands out a nonce, 'jump' raises the nonce by `amount`.
local expected, gen, unit, own = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local clock, late_clock, lost = ARGV[6], ARGV[7], ARGV[8]
local ticket, lease, amount = ARGV[9], ARGV[10], ARGV[11]
local level, level_at, seldom, expected_era = ARGV[12], ARGV[13], ARGV[14], ARGV[15]
local recalled, placed = ARGV[16], ARGV[17]

local s = snapshot()
local stored_unit, last, stored_gen, era = s[2], s[3], s[4] == '' and '0' or s[4], s[5]
if (last ~= '' and not string.match(last, '^%d+$')) or (s[1] ~= '' and s[1] ~= '1') then
  return {'DAMAGED', s[1], last}
end
local FINER = {ns = 3, us = 2, ms = 1}
if (FINER[stored_unit] or 0) > FINER[unit] then return {'UNIT', stored_unit} end
if op ~= 'jump' and (stored_gen ~= expected or era ~= expected_era) then
  return told('STATE', s)
end

if ticket ~= '' then
  -- Not taken anew when it has run out: this may be the late word of a holder that has left.
  if redis.call('GET', TURN) ~= ticket then return {'TURN'} end
  redis.call('PEXPIRE', TURN, lease)
end

-- Has this server process, this run, seen the key before? Restarted from disk, or an older replica that was
-- promoted: the newest nonces may be missing. Empty: all of them. Then the margins are added, once.
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
local fresh = last == '' or (run ~= '' and run ~= redis.call('HGET', STATE, 'run'))
if fresh then
  if last ~= '' then
    redis.call('HINCRBY', STATE, 'last', lost)
    last = last_nonce()
  else
    redis.call('HSET', STATE, 'v', '1')
    last = '0'
  end
  era = sec .. usec .. string.sub(run, 1, 8)
  redis.call('HSET', STATE, 'run', run, 'era', era, 'era_gen', stored_gen)
end

local function raise_to(floor)
  if above(floor, last) then
    redis.call('HSET', STATE, 'last', floor)
    last = floor
    return true
  end
  return false
end

raise_to(own)
if fresh then
  raise_to(ticks(unit, 5))
  raise_to(late_clock)
end
if op ~= 'write' then
  local moved = raise_to(ticks(unit, 0))
  moved = raise_to(clock) or moved
  if op == 'jump' then
    redis.call('HINCRBY', STATE, 'last', amount)
  elseif not moved then
    redis.call('HINCRBY', STATE, 'last', 1)
  end
end
if op == 'jump' then
  gen = string.format('%d', math.max(tonumber(stored_gen) + 1, tonumber(gen)))
  redis.call('HSET', STATE, 'gen', gen, 'unit', unit)
else
  redis.call('HSET', STATE, 'gen', gen, 'unit', unit, 'level', level, 'level_at', level_at)
  if seldom ~= '' then redis.call('HSET', STATE, 'seldom', seldom) end
  append('recalled', recalled)
  append('placed', placed)
end
if ticket ~= '' then redis.call('HSET', STATE, 'turn_at', string.format('%d', now)) end
return told('OK', {last_nonce() or '0', gen, era, sec, usec})

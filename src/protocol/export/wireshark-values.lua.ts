/** Lua of the dissector: numbers as text, checksums, and whether bytes fit a struct. Knows nothing of trees. */
export const VALUES_LUA = String.raw`
local INTEGER = { u8 = true, u16 = true, u32 = true, u64 = true, u128 = true, i32 = true, i64 = true, i128 = true }

-- Lua 5.2 has bit32, some builds have bit, and 5.3 has the operator, which 5.2 cannot even parse.
local xor = bit32 and bit32.bxor or bit and bit.bxor or load("return function(a, b) return a ~ b end")()

local crc_table = {}
for byte = 0, 255 do
  local crc = byte
  for _ = 1, 8 do
    local half = math.floor(crc / 2)
    crc = crc % 2 == 1 and xor(half, 0xEDB88320) % 4294967296 or half
  end
  crc_table[byte] = crc
end

-- CRC-32 (IEEE) of the frame without its four checksum bytes: left out, not zeroed.
local function frame_checksum(buf, at, length)
  local text = buf:raw(at, length)
  local crc = 0xFFFFFFFF
  for index = 1, length do
    if index <= dialect.checksum_at or index > dialect.checksum_at + 4 then
      crc = xor(crc_table[xor(crc % 256, text:byte(index))], math.floor(crc / 256)) % 4294967296
    end
  end
  return xor(crc, 0xFFFFFFFF) % 4294967296
end

local LIMB = 10000000

-- Any width as decimal text, in limbs of seven digits, lowest first.
local function wide_decimal(range, big, signed)
  local bytes, last = range:bytes(), range:len() - 1
  local negative = signed and bytes:get_index(big and 0 or last) >= 128
  local limbs = { 0 }
  for index = 0, last do
    local carry = bytes:get_index(big and index or last - index)
    if negative then carry = 255 - carry end
    for limb = 1, #limbs do
      local value = limbs[limb] * 256 + carry
      limbs[limb] = value % LIMB
      carry = math.floor(value / LIMB)
    end
    if carry > 0 then limbs[#limbs + 1] = carry end
  end
  local limb, carry = 1, negative and 1 or 0
  while carry > 0 do
    local value = (limbs[limb] or 0) + carry
    limbs[limb] = value % LIMB
    carry = math.floor(value / LIMB)
    limb = limb + 1
  end
  local text = string.format("%s%d", negative and "-" or "", limbs[#limbs])
  for index = #limbs - 1, 1, -1 do text = text .. string.format("%07d", limbs[index]) end
  return text
end

local function integer_text(range, t)
  if t.size > 8 then return wide_decimal(range, t.big, t.kind == "i128") end
  if t.kind == "i64" then return tostring(t.big and range:int64() or range:le_int64()) end
  if t.kind == "u64" then return tostring(t.big and range:uint64() or range:le_uint64()) end
  if t.kind == "i32" then return string.format("%d", t.big and range:int() or range:le_int()) end
  return string.format("%d", t.big and range:uint() or range:le_uint())
end

-- 6500000000000 with scale 8 -> 65000.00000000
local function fixed_point(text, scale)
  local sign, digits = text:match("^(-?)(%d+)$")
  digits = string.rep("0", scale + 1 - #digits) .. digits
  return sign .. digits:sub(1, -scale - 1) .. "." .. digits:sub(-scale)
end

-- Nil for times before 1970 and after the year 9999.
local function unix_time(text, with_ns)
  if text:sub(1, 1) == "-" then return nil end
  local digits = with_ns and string.rep("0", 10 - #text) .. text or text .. "000000000"
  local seconds = tonumber(digits:sub(1, -10))
  if seconds > 253402300799 then return nil end
  local fraction = with_ns and "." .. digits:sub(-9) or ""
  return os.date("!%Y-%m-%dT%H:%M:%S", seconds) .. fraction .. "Z"
end

-- Names of the bits that are set, and what is left.
local function flag_names(enum, value)
  local names, unnamed = {}, value
  for bit, name in pairs(enum.names) do
    if math.floor(value / bit) % 2 == 1 then
      names[#names + 1] = name
      unnamed = unnamed - bit
    end
  end
  table.sort(names)
  return table.concat(names, "|"), unnamed
end

local fits_struct

-- Whether no FixedVec inside says more elements than it has room for.
local function fits_type(t, buf, at)
  local function fits_elements(count, elements_at)
    if INTEGER[t.of.kind] or t.of.kind == "bytes" then return true end
    for index = 0, count - 1 do
      if not fits_type(t.of, buf, elements_at + index * t.of.size) then return false end
    end
    return true
  end
  if t.kind == "struct" then return fits_struct(structs[t.struct], buf, at) end
  if t.kind == "array" then return fits_elements(t.count, at) end
  if t.kind == "fixed_vec" then
    local count = buf(at, 2):le_uint()
    return count <= t.capacity and fits_elements(count, at + t.elements_at)
  end
  if t.kind == "list" then return fits_elements(t.elements, at + t.size) end
  return true
end

fits_struct = function(struct, buf, at)
  for _, field in ipairs(struct.fields) do
    if not fits_type(field.type, buf, at + field.at) then return false end
  end
  return true
end

local function element_count(field, buf, value_at, field_at)
  local count = field.type.count
  local range = buf(count.at and value_at + count.at or field_at, count.size)
  return count.big and range:uint() or range:le_uint()
end

-- Where the fields of the value lie, as { field, at, count }; or nil and why the bytes stay raw.
local function place_fields(struct, buf, at, length)
  local placed, elements_size = {}, 0
  if struct.open and length < struct.size then return nil, "unfit-struct" end
  for index, field in ipairs(struct.fields) do
    local where, count = field.at + elements_size, 0
    if where + field.size > length then return nil, "unfit-struct" end
    if field.type.kind == "list" then
      count = element_count(field, buf, at, at + where)
      elements_size = elements_size + count * field.type.of.size
    end
    placed[index] = { field = field, at = at + where, count = count }
  end
  if not struct.open and struct.size + elements_size ~= length then return nil, "unfit-struct" end
  for _, place in ipairs(placed) do
    place.field.type.elements = place.count
    if not fits_type(place.field.type, buf, place.at) then return nil, "count-over-capacity" end
  end
  return placed
end
`;

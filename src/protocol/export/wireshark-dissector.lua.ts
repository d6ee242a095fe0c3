/** Lua of the dissector: from the bytes of a captured unit to a tree. No bytes make it fail. */
export const DISSECTOR_LUA = String.raw`
-- Wireshark gives up on a unit with a million items; one TLV has at most two for each of its 65535 bytes.
local ITEMS_MAX = 100000
local items = 0

local function add(tree, pf, range, ...)
  items = items + 1
  if range:len() == 0 then return tree:add(pf, ...) end
  return tree:add(pf, range, ...)
end

local function remark(item, kind, text)
  item:add_proto_expert_info(experts[kind], kind .. ": " .. text)
end

local function check_zero(item, range)
  local used, text = 0, range:raw()
  for index = 1, #text do
    if text:byte(index) ~= 0 then used = used + 1 end
  end
  if used > 0 then remark(item, "non-zero-padding", used .. " of " .. #text .. " bytes are not 0") end
end

local function add_padding(tree, pf, range)
  if range:len() > 0 then check_zero(add(tree, pf, range), range) end
end

local function describe_integer(item, field, text)
  local enum = enums[field.enum]
  if enum and enum.flags then
    local names, unnamed = flag_names(enum, tonumber(text))
    if names ~= "" then item:append_text(" (" .. names .. ")") end
    if unnamed ~= 0 then remark(item, "unknown-enum-number", text .. " is no " .. field.enum) end
  elseif enum then
    local name = enum.names[tonumber(text)]
    if not name then remark(item, "unknown-enum-number", text .. " is no " .. field.enum) end
  elseif field.scale then
    item:append_text(" (" .. fixed_point(text, field.scale) .. ")")
  elseif field.unit == "unix-ns" or field.unit == "unix-s" then
    local time = unix_time(text, field.unit == "unix-ns")
    if time then item:append_text(" (" .. time .. ")") end
  elseif field.unit then
    item:append_text(" " .. field.unit)
  end
end

local function show_integer(tree, field, t, buf, at)
  local range = buf(at, t.size)
  local text = integer_text(range, t)
  items = items + 1
  local item
  if t.size > 8 then
    item = tree:add(t.pf, range, text)
  elseif t.big then
    item = tree:add(t.pf, range)
  else
    item = tree:add_le(t.pf, range)
  end
  describe_integer(item, field, text)
  return item
end

local show_struct

-- Returns the item, so that elements can say which one they are.
local function show_type(tree, field, t, buf, at, elements)
  if INTEGER[t.kind] then return show_integer(tree, field, t, buf, at) end
  if t.kind == "bytes" then return add(tree, t.pf, buf(at, t.size)) end
  local extent = t.kind == "list" and t.size + elements * t.of.size or t.size
  local item = add(tree, t.pf, buf(at, extent))
  local function show_elements(count, elements_at)
    for index = 0, count - 1 do
      local element = show_type(item, field, t.of, buf, elements_at + index * t.of.size)
      element:prepend_text("[" .. index .. "] ")
    end
  end
  if t.kind == "struct" then
    show_struct(item, structs[t.struct], buf, at)
  elseif t.kind == "array" then
    show_elements(t.count, at)
  elseif t.kind == "list" then
    if t.count_pf then
      if t.count.big then item:add(t.count_pf, buf(at, t.size)) else item:add_le(t.count_pf, buf(at, t.size)) end
    end
    item:append_text(" (" .. elements .. ")")
    show_elements(elements, at + t.size)
  elseif t.kind == "fixed_vec" then
    local count = buf(at, 2):le_uint()
    item:append_text(" (" .. count .. " of " .. t.capacity .. ")")
    item:add_le(t.count_pf, buf(at, 2))
    add_padding(item, t.padding_pf, buf(at + 2, t.elements_at - 2))
    show_elements(count, at + t.elements_at)
    local unused_at = t.elements_at + count * t.of.size
    add_padding(item, t.unused_pf, buf(at + unused_at, t.size - unused_at))
  end
  return item
end

local function show_field(tree, field, buf, at, elements)
  if field.padding then
    add_padding(tree, field.pf, buf(at, field.size))
  else
    show_type(tree, field, field.type, buf, at, elements)
  end
end

show_struct = function(tree, struct, buf, at)
  for _, field in ipairs(struct.fields) do show_field(tree, field, buf, at + field.at) end
end

local function show_raw(tree, buf, at, length)
  if length > 0 then add(tree, fields.raw, buf(at, length)) end
end

local function show_value(tree, type, buf, at, length)
  local struct = type and structs[type.struct]
  if not struct then return show_raw(tree, buf, at, length) end
  local placed, why = place_fields(struct, buf, at, length)
  if not placed then
    remark(tree, why, length .. " bytes are no " .. type.struct)
    return show_raw(tree, buf, at, length)
  end
  tree:add(fields.layout, type.struct):set_generated()
  for _, place in ipairs(placed) do show_field(tree, place.field, buf, place.at, place.count) end
  if struct.open and length > struct.size then
    add(tree, struct.data_pf, buf(at + struct.size, length - struct.size))
  end
end

local function is_vendor(number)
  return number >= dialect.vendor_first and number <= dialect.vendor_last
end

local function tlv_name(number)
  if types[number] then return types[number].name end
  return is_vendor(number) and "Vendor" or "Unknown"
end

local function judge_tlv(item, type, number, length, domain)
  if not type then
    if not is_vendor(number) then remark(item, "unknown-type", number .. " is in no registry") end
    return
  end
  if domain and type.domain ~= "vendor" and type.domain ~= domain then
    remark(item, "type-outside-domain-range", type.name .. " belongs to " .. type.domain .. ", the header says " .. domain)
  end
  local declared = type.declared
  if declared and (length < declared.min or length > declared.max) then
    local kind = declared.fixed and "wrong-declared-size" or "out-of-bounds-size"
    local rule = declared.fixed and declared.min or declared.min .. " to " .. declared.max
    remark(item, kind, "type " .. number .. " is " .. rule .. " bytes, got " .. length)
  end
end

-- The head of the TLV at an offset: its size, type, and length of value; or nil, the kind and the text of the defect.
local function tlv_head(buf, at, left)
  local extended = buf(at, 1):uint() == 255
  local head = extended and 5 or 2
  if extended and left > 1 and buf(at + 1, 1):uint() ~= 0 then
    return nil, "bad-extended-reserved", "the reserved byte of an extended TLV is " .. buf(at + 1, 1):uint() .. ", not 0"
  end
  if left < head then return nil, "truncated-tlv", "a TLV head needs " .. head .. " bytes, " .. left .. " follow" end
  local number = buf(at + (extended and 2 or 0), 1):uint()
  local length = extended and buf(at + 3, 2):le_uint() or buf(at + 1, 1):uint()
  if length > left - head then
    return nil, "truncated-tlv", "TLV " .. number .. " says " .. length .. " bytes, " .. left - head .. " follow"
  end
  return head, number, length
end

local function show_tlv(tree, buf, at, head, number, length, domain)
  local name = tlv_name(number)
  local item = add(tree, fields.tlv, buf(at, head + length))
  item:set_text(name .. " (" .. number .. "), " .. length .. " bytes")
  if head == 5 then
    add(item, fields.marker, buf(at, 1))
    add(item, fields.reserved, buf(at + 1, 1))
    add(item, fields.type, buf(at + 2, 1))
    item:add_le(fields.length, buf(at + 3, 2))
  else
    add(item, fields.type, buf(at, 1))
    add(item, fields.length, buf(at + 1, 1))
  end
  item:add(fields.name, name):set_generated()
  judge_tlv(item, types[number], number, length, domain)
  show_value(item, types[number], buf, at + head, length)
  return name
end

local function show_undecoded(tree, buf, at, length, kind, text)
  remark(add(tree, fields.undecoded, buf(at, length)), kind, text)
end

local NAMES_MAX = 8

local function show_tlvs(tree, buf, at, stop, domain)
  local names = {}
  while at < stop do
    if items > ITEMS_MAX then
      show_undecoded(tree, buf, at, stop - at, "items-left-out", "there are more items than can be shown")
      break
    end
    local head, number, length = tlv_head(buf, at, stop - at)
    if not head then
      show_undecoded(tree, buf, at, stop - at, number, length)
      break
    end
    local name = show_tlv(tree, buf, at, head, number, length, domain)
    if #names < NAMES_MAX then names[#names + 1] = name
    elseif #names == NAMES_MAX then names[#names + 1] = "..." end
    at = at + head + length
  end
  return #names == 0 and "header only" or table.concat(names, "+")
end

local function show_checksum(tree, buf, at, length, complete)
  local stored = buf(at + dialect.checksum_at, 4):le_uint()
  local state = "unverified"
  if stored == 0 then
    state = "zero"
  elseif complete and torq.prefs.verify then
    state = stored == frame_checksum(buf, at, length) and "valid" or "wrong"
  end
  local item = tree:add(fields.checksum_state, state)
  item:set_generated()
  if state == "zero" then remark(item, "zero-checksum", "the publisher did not compute it") end
  if state == "wrong" then
    local computed = frame_checksum(buf, at, length)
    remark(item, "wrong-checksum", string.format("%08x is written, the bytes give %08x", stored, computed))
  end
end

local function show_header(tree, buf, at)
  local item = add(tree, fields.header, buf(at, dialect.header_size))
  for _, field in ipairs(header_fields) do
    local shown = show_integer(item, field, field.type, buf, at + field.at)
    if field.name == "version" and buf(at + field.at, 1):uint() ~= 1 then
      remark(shown, "unusual-version", "publishers write 1")
    end
  end
  return item
end

-- Shows one frame, or what stands in its place; returns how many bytes that took, and what it is.
local function show_frame(root, buf, at, left)
  local size = dialect.header_size
  if left < size then
    local tree = root:add(torq, buf(at, left))
    show_undecoded(tree, buf, at, left, "truncated-frame", "a header has " .. size .. " bytes, " .. left .. " are there")
    return left, "truncated frame"
  end
  if buf(at + dialect.magic_at, 4):le_uint() ~= dialect.magic then
    local tree = root:add(torq, buf(at, left))
    show_undecoded(tree, buf, at, left, "bad-magic", "no header of the dialect " .. dialect.name .. " begins here")
    return left, "no frame"
  end
  local frame = size + buf(at + dialect.payload_size_at, 4):le_uint()
  local there = math.min(frame, left)
  local tree = root:add(torq, buf(at, there))
  local header = show_header(tree, buf, at)
  if frame > dialect.frame_bytes_max then
    remark(header, "oversize-payload", "a frame of " .. frame .. " bytes, at most " .. dialect.frame_bytes_max .. " are allowed")
  elseif there < frame then
    remark(header, "truncated-frame", "the frame has " .. frame .. " bytes, " .. there .. " are there")
  end
  show_checksum(header, buf, at, there, there == frame)
  local domain = enums[dialect.domain_enum].names[buf(at + dialect.domain_at, 1):uint()]
  local names = show_tlvs(tree, buf, at + size, at + there, domain)
  tree:append_text(", " .. names)
  return there, names
end

function torq.dissector(buf, pinfo, root)
  local length, at, shown = buf:captured_len(), 0, {}
  items = 0
  pinfo.cols.protocol = "TORQ V2"
  while at < length and items <= ITEMS_MAX do
    local used, name = show_frame(root, buf, at, length - at)
    if #shown < NAMES_MAX then shown[#shown + 1] = name end
    at = at + used
  end
  if at < length then
    show_undecoded(root:add(torq, buf(at)), buf, at, length - at, "items-left-out", "there are more items than can be shown")
  end
  pinfo.cols.info = table.concat(shown, ", ")
  return length
end

DissectorTable.get("wtap_encap"):add((wtap_encaps or wtap).USER0, torq)
`;

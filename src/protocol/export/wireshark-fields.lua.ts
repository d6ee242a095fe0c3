/** Lua of the dissector: what it registers with Wireshark, which is a field for each place of each struct. */
export const FIELDS_LUA = String.raw`
local torq = Proto("torqv2", "Torq Protocol V2 (" .. dialect.name .. ")")
local registered = {}

local function register(field)
  registered[#registered + 1] = field
  return field
end

local SMALL = { u8 = ProtoField.uint8, u16 = ProtoField.uint16, u32 = ProtoField.uint32, i32 = ProtoField.int32 }

local function integer_field(abbr, field, t)
  local enum = enums[field.enum]
  local names = enum and not enum.flags and next(enum.names) and enum.names or nil
  if SMALL[t.kind] then
    local shown = field.hex and base.HEX or base.DEC
    return register(SMALL[t.kind](abbr, field.name, shown, names, nil, field.note))
  end
  if t.kind == "u64" then return register(ProtoField.uint64(abbr, field.name, base.DEC, nil, nil, field.note)) end
  if t.kind == "i64" then return register(ProtoField.int64(abbr, field.name, base.DEC, nil, nil, field.note)) end
  -- Wireshark has no 128-bit integers: they are text, the decimal number.
  return register(ProtoField.string(abbr, field.name, base.ASCII, field.note))
end

local U16 = { kind = "u16", size = 2 }

local function register_type(abbr, field, t)
  if INTEGER[t.kind] then
    t.pf = integer_field(abbr, field, t)
  elseif t.kind == "bytes" then
    t.pf = register(ProtoField.bytes(abbr, field.name, base.NONE, field.note))
  else
    t.pf = register(ProtoField.none(abbr, field.name))
    if t.of then register_type(abbr .. ".element", field, t.of) end
  end
  if t.kind == "fixed_vec" then
    t.count_pf = integer_field(abbr .. ".count", { name = "count" }, U16)
    t.padding_pf = register(ProtoField.bytes(abbr .. ".padding", "padding"))
    t.unused_pf = register(ProtoField.bytes(abbr .. ".unused", "unused"))
  elseif t.kind == "list" and not t.count.at then
    t.count_pf = integer_field(abbr .. ".count", { name = "count" }, t.count)
  end
end

for _, struct in pairs(structs) do
  for _, field in ipairs(struct.fields) do
    if field.padding then
      field.pf = register(ProtoField.bytes(struct.abbr .. "." .. field.name, field.name))
    else
      register_type(struct.abbr .. "." .. field.name, field, field.type)
    end
  end
  if struct.open then struct.data_pf = register(ProtoField.bytes(struct.abbr .. ".data", "data")) end
end
for _, field in ipairs(header_fields) do
  register_type("torqv2.header." .. field.name, field, field.type)
end

local type_names = {}
for number, type in pairs(types) do type_names[number] = type.name end

local fields = {
  header = register(ProtoField.none("torqv2.header", "header")),
  checksum_state = register(ProtoField.string("torqv2.checksum.state", "checksum state")),
  tlv = register(ProtoField.none("torqv2.tlv", "TLV")),
  marker = register(ProtoField.uint8("torqv2.tlv.marker", "marker of the extended form", base.DEC)),
  reserved = register(ProtoField.uint8("torqv2.tlv.reserved", "reserved", base.DEC)),
  type = register(ProtoField.uint8("torqv2.tlv.type", "type", base.DEC, next(type_names) and type_names or nil)),
  length = register(ProtoField.uint16("torqv2.tlv.length", "length", base.DEC)),
  name = register(ProtoField.string("torqv2.tlv.name", "name")),
  layout = register(ProtoField.string("torqv2.tlv.layout", "layout")),
  raw = register(ProtoField.bytes("torqv2.tlv.raw", "raw")),
  undecoded = register(ProtoField.bytes("torqv2.undecoded", "undecoded")),
}
torq.fields = registered

local SEVERITY = {
  ["bad-magic"] = { expert.group.MALFORMED, expert.severity.ERROR },
  ["truncated-frame"] = { expert.group.MALFORMED, expert.severity.ERROR },
  ["oversize-payload"] = { expert.group.MALFORMED, expert.severity.ERROR },
  ["truncated-tlv"] = { expert.group.MALFORMED, expert.severity.ERROR },
  ["bad-extended-reserved"] = { expert.group.MALFORMED, expert.severity.ERROR },
  ["unfit-struct"] = { expert.group.MALFORMED, expert.severity.WARN },
  ["count-over-capacity"] = { expert.group.MALFORMED, expert.severity.WARN },
  ["items-left-out"] = { expert.group.UNDECODED, expert.severity.WARN },
  ["wrong-checksum"] = { expert.group.CHECKSUM, expert.severity.WARN },
  ["zero-checksum"] = { expert.group.CHECKSUM, expert.severity.NOTE },
  ["wrong-declared-size"] = { expert.group.PROTOCOL, expert.severity.NOTE },
  ["out-of-bounds-size"] = { expert.group.PROTOCOL, expert.severity.NOTE },
  ["unknown-enum-number"] = { expert.group.PROTOCOL, expert.severity.NOTE },
  ["non-zero-padding"] = { expert.group.PROTOCOL, expert.severity.NOTE },
  ["type-outside-domain-range"] = { expert.group.PROTOCOL, expert.severity.NOTE },
  ["unknown-type"] = { expert.group.UNDECODED, expert.severity.NOTE },
  ["unusual-version"] = { expert.group.PROTOCOL, expert.severity.NOTE },
}

local experts, registered_experts = {}, {}
for kind, severity in pairs(SEVERITY) do
  experts[kind] = ProtoExpert.new("torqv2.expert." .. kind, kind, severity[1], severity[2])
  registered_experts[#registered_experts + 1] = experts[kind]
end
torq.experts = registered_experts

torq.prefs.verify = Pref.bool("Verify checksums", true, "Compute the CRC-32 of each frame and compare")
`;

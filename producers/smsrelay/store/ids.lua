-- Message ids as 16 bytes, in lists that hold very many. An id that is no UUID stays as it is.
local sub, number_of = string.sub, tonumber
local function packed(id)
  if #id ~= 36 then return id end
  local a, b, c = number_of(sub(id, 1, 8), 16), number_of(sub(id, 10, 13), 16), number_of(sub(id, 15, 18), 16)
  local d, e, f = number_of(sub(id, 20, 23), 16), number_of(sub(id, 25, 28), 16), number_of(sub(id, 29), 16)
  if not (a and b and c and d and e and f) then return id end
  return struct.pack('>I4I2I2I2I2I4', a, b, c, d, e, f)
end
local function unpacked(bytes)
  if #bytes ~= 16 then return bytes end
  return string.format('%08x-%04x-%04x-%04x-%04x%08x', struct.unpack('>I4I2I2I2I2I4', bytes))
end

-- Message ids as 16 bytes, in lists that hold very many. An id that is no UUID stays as it is.
local function packed(id)
  if #id ~= 36 or not string.find(id, '^%x+%-%x+%-%x+%-%x+%-%x+$') then return id end
  local function part(text) return tonumber(text, 16) end
  return struct.pack('>I4I4I4I4', part(string.sub(id, 1, 8)), part(string.sub(id, 10, 13) .. string.sub(id, 15, 18)),
    part(string.sub(id, 20, 23) .. string.sub(id, 25, 28)), part(string.sub(id, 29)))
end
local function unpacked(bytes)
  if #bytes ~= 16 then return bytes end
  local hex = string.format('%08x%08x%08x%08x', struct.unpack('>I4I4I4I4', bytes))
  return string.gsub(hex, '^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)', '%1-%2-%3-%4-')
end

/** The part of the scripts that keeps the limits of a session. Its callers use the same units. */

const SIZE_UNIT = 2 ** 30;
const OWN_CODE = '@'.charCodeAt(0);

/** Encodes a size as in `@size`. Bytes are below 2^30. */
export function sizeOf(attributes: number, bytes: number): number {
  return attributes * SIZE_UNIT + bytes;
}

const isAttribute = (field: string): string =>
  `string.byte(${field}) ~= ${OWN_CODE} or string.byte(${field}, 2) == ${OWN_CODE}`;

/**
 * Ends a write that would make a record larger than it is and than ARGV[limits] allows, a size as in `@size`, or 0 for
 * any; the bytes of each attribute that do not count follow it. Leaves in `size` what is to be stored, or nil where
 * nothing grows.
 *
 * For a single attribute the `old` bytes are known. Several are added to `@size` as if all were new, which costs no
 * command. Only where that exceeds the limit is the record itself counted, after which `@size` is exact again, and the next
 * writes need no count.
 */
export const withinLimits = (
  key: string,
  known: string,
  old: string,
  limits: number,
  first: number,
  count: string,
): string => `
local size
local before = ${count} == '1' and ${old}
if ARGV[${limits}] ~= '0' and ${count} ~= '0' and not (before and #before >= #ARGV[${first + 1}]) then
  local limit, added = tonumber(ARGV[${limits}]), tonumber(${count})
  local last, most = ${first - 1} + added * 2, limit % ${SIZE_UNIT}
  local mostAttributes = limit - most
  size = (tonumber(${known} or '') or limit) + added * ${SIZE_UNIT}
  for i = ${first}, last do size = size + #ARGV[i] end
  if before then size = size - ${SIZE_UNIT} - #ARGV[${first}] - #before end
  local bytes = size % ${SIZE_UNIT}
  if bytes > most or size - bytes > mostAttributes then
    local sizes, all, held = {}, redis.call('HGETALL', ${key}), 0
    for i = 1, #all, 2 do
      local name = all[i]
      if ${isAttribute('name')} then
        sizes[name] = #name + #all[i + 1]
        held = held + ${SIZE_UNIT} + sizes[name] - ARGV[${limits + 1}]
      end
    end
    for i = ${first}, last, 2 do
      if ${isAttribute('ARGV[i]')} then sizes[ARGV[i]] = #ARGV[i] + #ARGV[i + 1] end
    end
    for i = last + 1, #ARGV do sizes[ARGV[i]] = nil end
    bytes, size = 0, 0
    for _, one in pairs(sizes) do
      bytes = bytes + one - ARGV[${limits + 1}]
      size = size + ${SIZE_UNIT}
    end
    local heldBytes = held % ${SIZE_UNIT}
    if bytes > most and bytes > heldBytes or size > mostAttributes and size > held - heldBytes then
      return {-5, bytes, size / ${SIZE_UNIT}}
    end
    size = size + bytes
  end
  size = string.format('%d', size)
end`;

/** Field and value for `size`. Where it is nil, a field that is being written anyway, for a second time. */
export const SIZE_PAIR = `size and '@size' or '@used', size or this`;

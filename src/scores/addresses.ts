/**
 * The one way to write an address or a network, so that two of them can be compared as text: IPv6 in lower case with all of
 * its eight groups and no leading zeros, and no prefix where it holds one address alone. Takes what zod takes as an address
 * or CIDR; host bits are left as they are.
 */
export function canonicalNetwork(source: string): string {
  const [address = "", prefix] = source.split("/");
  const isV6 = address.includes(":");
  const canonical = isV6
    ? groupsOf(address)
        .map((group) => group.toString(16))
        .join(":")
    : address;
  return prefix === undefined || prefix === (isV6 ? "128" : "32") ? canonical : `${canonical}/${prefix}`;
}

/** Whether all bits that the prefix leaves out are zero. An address without a prefix is a network of one. */
export function isNetwork(source: string): boolean {
  const [address = "", prefix] = source.split("/");
  if (prefix === undefined) return true;
  const isV6 = address.includes(":");
  const parts = isV6 ? groupsOf(address) : address.split(".").map(Number);
  const bits = parts.map((part) => part.toString(2).padStart(isV6 ? 16 : 8, "0")).join("");
  return !bits.slice(Number(prefix)).includes("1");
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): readonly number[] {
  // The last two groups may be written as an IPv4 address.
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: readonly string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = "", tail] = plain.split("::");
  const parse = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const before = parse(head);
  const after = parse(tail ?? "");
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
}

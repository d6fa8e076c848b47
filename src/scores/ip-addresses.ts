import ipaddr from "ipaddr.js";
import * as z from "zod";

/**
 * Addresses as people write them, checked, and their one canonical spelling. Two spellings of one address are equal by
 * that alone: `2001:DB8::0:1` and `2001:db8::1`.
 */

const isIpv4 = (text: string): boolean => ipaddr.IPv4.isValidFourPartDecimal(text);
// A zone ("fe80::1%eth0") names an interface, and the Score does that.
const isIpv6 = (text: string): boolean => /^[0-9A-Fa-f:.]{2,45}$/.test(text) && ipaddr.IPv6.isValid(undotted(text));

/** The library takes `::192.0.2.1` for `::ffff:192.0.2.1`, so the last four bytes are put into hexadecimal before. */
const undotted = (text: string): string =>
  text.replace(/(?<=:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (dotted, ...bytes: readonly unknown[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
    return isIpv4(dotted) ? `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}` : dotted;
  });

/** `"198.51.100.1"`: four decimal parts without leading zeros. */
export const Ipv4Address = z
  .string()
  .refine(isIpv4, 'an IPv4 address is four decimal numbers, such as "198.51.100.1"')
  .brand<"Ipv4Address">();
/** `"2001:db8::1"`, in any spelling, without a zone. */
export const Ipv6Address = z
  .string()
  .refine(isIpv6, 'an IPv6 address is such as "2001:db8::1", without a zone')
  .brand<"Ipv6Address">();
export const IpAddress = z
  .string()
  .refine((text) => isIpv4(text) || isIpv6(text), 'an IP address is such as "198.51.100.1" or "2001:db8::1"')
  .brand<"IpAddress">();

/** An address of a host and the length of its network's prefix: `"198.51.100.2/24"`. */
export const Ipv4Interface = z
  .string()
  .refine(
    (text) => isWithPrefix(text, isIpv4, 32) && isForHost(text),
    'an interface has an address of its own with a prefix length, such as "198.51.100.2/24"',
  )
  .brand<"Ipv4Interface">();
/** `"2001:db8::2/64"`. */
export const Ipv6Interface = z
  .string()
  .refine(
    (text) => isWithPrefix(text, isIpv6, 128) && isForHost(text),
    'an interface has an address of its own with a prefix length, such as "2001:db8::2/64"',
  )
  .brand<"Ipv6Interface">();

/** A network: `"198.51.100.0/24"`. Bits of a host in it are a mistake, since the kernel would refuse them. */
export const Cidr = z
  .string()
  .refine(
    (text) => isWithPrefix(text, isIpv4, 32) || isWithPrefix(text, isIpv6, 128),
    'a network is an address and a prefix length, such as "198.51.100.0/24"',
  )
  .refine(
    (text) => !isNetworkLike(text) || networkOf(text) === canonical(text),
    "a network has no bits set beyond its prefix",
  )
  .brand<"Cidr">();

/** Six pairs of hexadecimal digits with `:` or `-` between them, of one device and not of a group. */
export const MacAddress = z
  .string()
  .regex(/^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$/, 'a MAC address is such as "02:00:5e:00:53:01"')
  .refine(
    (text) => (Number.parseInt(text.slice(0, 2), 16) & 1) === 0,
    "this MAC address is of a group, not of a device",
  )
  .refine((text) => /[^0:-]/.test(text), "a MAC address is not all zero")
  .brand<"MacAddress">();

const isNetworkLike = (text: string): boolean => isWithPrefix(text, isIpv4, 32) || isWithPrefix(text, isIpv6, 128);

function isWithPrefix(text: string, isAddress: (part: string) => boolean, most: number): boolean {
  const [address = "", prefix = "", ...more] = text.split("/");
  return more.length === 0 && isAddress(address) && /^(0|[1-9]\d{0,2})$/.test(prefix) && Number(prefix) <= most;
}

/** Not loopback, not a group, not the network itself nor its broadcast address. */
function isForHost(text: string): boolean {
  if (!isNetworkLike(text)) return false;
  const [address, prefix] = ipaddr.parseCIDR(canonical(text));
  if (["unspecified", "multicast", "loopback", "broadcast"].includes(address.range()) || prefix === 0) return false;
  if (address.kind() === "ipv6" || prefix >= 31) return true;
  const own = address.toString();
  return (
    own !== ipaddr.IPv4.networkAddressFromCIDR(text).toString() &&
    own !== ipaddr.IPv4.broadcastAddressFromCIDR(text).toString()
  );
}

const networkOf = (text: string): string => {
  const plain = canonical(text);
  const [address, prefix] = ipaddr.parseCIDR(plain);
  const network =
    address.kind() === "ipv4" ? ipaddr.IPv4.networkAddressFromCIDR(plain) : ipaddr.IPv6.networkAddressFromCIDR(plain);
  return `${spelt(network)}/${prefix}`;
};

const spelt = (address: ipaddr.IPv4 | ipaddr.IPv6): string =>
  "toRFC5952String" in address ? address.toRFC5952String() : address.toString();

/**
 * The one spelling of an address, with or without the length of a prefix: RFC 5952 for IPv6. Text that is none comes back as it is.
 */
export function canonical(text: string): string {
  const [address = "", ...prefix] = text.split("/");
  return isIpv4(address) || isIpv6(address) ? [spelt(ipaddr.parse(undotted(address))), ...prefix].join("/") : text;
}

/** From four or sixteen bytes. */
export const addressOfBytes = (bytes: readonly number[]): string => spelt(ipaddr.fromByteArray([...bytes]));

/** Lower-case, with colons. */
export const canonicalMac = (text: string): string => text.toLowerCase().replaceAll("-", ":");

/** Whether the address lies in the network that the interface's address is of, and is not that address itself. */
export function isOnLink(address: string, ofInterface: string): boolean {
  const [own, prefix] = ipaddr.parseCIDR(canonical(ofInterface));
  const other = ipaddr.parse(canonical(address));
  return other.kind() === own.kind() && other.match(own, prefix) && spelt(other) !== spelt(own);
}

export const isLinkLocal = (address: string): boolean => ipaddr.parse(canonical(address)).range() === "linkLocal";
export const isIpv6Text = (text: string): boolean => text.includes(":");

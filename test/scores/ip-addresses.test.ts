import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import {
  addressOfBytes,
  canonical,
  canonicalMac,
  Cidr,
  IpAddress,
  Ipv4Address,
  Ipv4Interface,
  Ipv6Address,
  isOnLink,
  MacAddress,
} from "../../src/scores/ip-addresses.ts";

const takes = (schema: z.core.$ZodType, text: string): boolean => z.safeParse(schema, text).success;

/** How a browser spells it, which is RFC 5952 too, by another implementation. */
const asInUrl = (address: string): string => new URL(`http://[${address}]/`).hostname.slice(1, -1);

const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });
/** One address, and another spelling of it. */
const spellings = fc.tuple(groups, fc.boolean(), fc.boolean()).map(([parts, upper, padded]) => {
  const written = parts.map((part) => part.toString(16).padStart(padded ? 4 : 1, "0")).join(":");
  return { plain: parts.map((part) => part.toString(16)).join(":"), other: upper ? written.toUpperCase() : written };
});

describe("IPv6 addresses", () => {
  test("of all sorts are accepted, and have the one spelling of RFC 5952", () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        // Also those that end in four decimal numbers, which libraries are at odds about.
        expect(takes(Ipv6Address, address) && takes(IpAddress, address)).toBe(true);
        expect(canonical(address)).toBe(asInUrl(address));
      }),
    );
  });

  test("in two spellings are equal in the canonical one, which stays as it is", () => {
    fc.assert(
      fc.property(spellings, ({ plain, other }) => {
        expect(canonical(other)).toBe(canonical(plain));
        expect(canonical(canonical(plain))).toBe(canonical(plain));
        expect(takes(Ipv6Address, canonical(plain))).toBe(true);
      }),
    );
  });

  test("are told from their bytes", () => {
    fc.assert(
      fc.property(groups, (parts) => {
        const bytes = parts.flatMap((part) => [part >> 8, part & 0xff]);
        expect(addressOfBytes(bytes)).toBe(canonical(parts.map((part) => part.toString(16)).join(":")));
      }),
    );
  });
});

test("IPv4 addresses of four decimal parts are accepted and keep their spelling", () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      expect(takes(Ipv4Address, address)).toBe(true);
      expect(canonical(address)).toBe(address);
      expect(addressOfBytes(address.split(".").map(Number))).toBe(address);
    }),
  );
});

test("no text at all makes any of the checks throw", () => {
  const text = fc.oneof(fc.string(), fc.ipV4Extended(), fc.stringMatching(/^[0-9a-f.:/%-]{0,50}$/));
  fc.assert(
    fc.property(text, (each) => {
      for (const schema of [Ipv4Address, Ipv6Address, IpAddress, Ipv4Interface, Cidr, MacAddress]) {
        expect(typeof takes(schema, each)).toBe("boolean");
      }
      expect(typeof canonical(each)).toBe("string");
    }),
  );
});

test.each(["1", "1.2.3", "0x7f.1.1.1", "01.2.3.4", "1.2.3.256", "1.2.3.4 ", "1.2.3.4\n"])(
  "%j is no IPv4 address",
  (text) => expect(takes(Ipv4Address, text)).toBe(false),
);

test.each(["fe80::1%eth0", ":::", "1::2::3", "::1\n", "[::1]", "12345::"])("%j is no IPv6 address", (text) =>
  expect(takes(Ipv6Address, text)).toBe(false),
);

test.each([
  ["192.0.2.0/24", true],
  ["0.0.0.0/0", true],
  ["::/0", true],
  ["2001:DB8::/32", true],
  ["192.0.2.1/32", true],
  ["192.0.2.1/24", false],
  ["2001:db8::1/64", false],
  ["192.0.2.0", false],
  ["192.0.2.0/33", false],
  ["192.0.2.0/024", false],
  ["::/129", false],
])("whether %s is a network: %s", (text, is) => expect(takes(Cidr, text)).toBe(is));

test("MAC addresses have one spelling", () => {
  expect(canonicalMac("02-00-5E-00-53-0F")).toBe("02:00:5e:00:53:0f");
  expect(takes(MacAddress, "02-00-5E-00-53-0F")).toBe(true);
  expect(takes(MacAddress, "00:00:00:00:00:00")).toBe(false);
});

test("what is on the link is told by the prefix, and the interface's own address is not", () => {
  expect(isOnLink("198.51.100.1", "198.51.100.2/24")).toBe(true);
  expect(isOnLink("198.51.101.1", "198.51.100.2/24")).toBe(false);
  expect(isOnLink("198.51.100.2", "198.51.100.2/24")).toBe(false);
  expect(isOnLink("2001:db8::1", "198.51.100.2/24")).toBe(false);
});

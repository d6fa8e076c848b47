import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type HaproxyInput, HaproxySpec } from "../../src/compositions/haproxy-spec.ts";
import { haproxyText } from "../../src/compositions/haproxy-text.ts";
import { loadBalancer } from "../../src/compositions/load-balancer.ts";
import { InvalidSpec } from "../../src/scores/score.ts";
import { type FakeEntry, FakeFileSystem } from "../../src/testing/fake-file-system.ts";
import { inOrder } from "../../src/topology/order.ts";
import { Device } from "../scores/surroundings.ts";
import { anyServices } from "./haproxy-arbitraries.ts";

const textOf = (services: HaproxyInput): string => haproxyText(HaproxySpec.parse(services));
const servers = { blue: { address: "127.0.0.1", port: 8081 } };
const loose = (services: unknown): unknown => Reflect.apply(loadBalancer, undefined, [services]);

describe("the configuration", () => {
  test("says what was asked for, and all that was left out", () => {
    const text = textOf({
      publicServices: {
        web: {
          port: 80,
          mode: "http",
          check: { by: "http", path: "/health?deep=1" },
          servers: { green: { address: "fd00::1", port: 8082, backup: true, weight: 3 }, ...servers },
        },
      },
      privateServices: { db: { port: 5432, balance: "leastconn", servers } },
    });
    expect(text.slice(text.indexOf("\ndefaults"))).toBe(`
defaults
    log global
    option dontlognull
    option redispatch
    timeout connect 5000ms
    timeout client 60000ms
    timeout server 60000ms

# public
listen web
    bind 0.0.0.0:80
    mode http
    option httplog
    option forwardfor
    balance roundrobin
    option httpchk
    http-check send meth GET uri '/health?deep=1'
    server blue 127.0.0.1:8081 weight 1 check inter 2000ms rise 2 fall 3
    server green [fd00::1]:8082 weight 3 check inter 2000ms rise 2 fall 3 backup

# private
listen db
    bind 127.0.0.1:5432
    mode tcp
    option tcplog
    balance leastconn
    server blue 127.0.0.1:8081 weight 1 check inter 2000ms rise 2 fall 3
`);
  });

  test("is the same for the same services in another order", () => {
    const turned = <T>(record: Readonly<Record<string, T>> = {}): Record<string, T> =>
      Object.fromEntries(Object.entries(record).toReversed());
    fc.assert(
      fc.property(anyServices, ({ publicServices, privateServices }) => {
        expect(textOf({ privateServices: turned(privateServices), publicServices: turned(publicServices) })).toBe(
          textOf({ publicServices, privateServices }),
        );
      }),
    );
  });

  test("has a section for each service and in it a line for each server, whatever they hold", () => {
    fc.assert(
      fc.property(anyServices, (given) => {
        const { publicServices, privateServices } = HaproxySpec.parse(given);
        const all = { ...publicServices, ...privateServices };
        const [, ...sections] = textOf(given).split(/^listen /m);
        expect(sections.map((section) => section.split("\n")[0] ?? "").toSorted()).toEqual(Object.keys(all).toSorted());
        for (const section of sections) {
          const [name = "", ...lines] = section.split("\n");
          const words = lines.filter((line) => line.startsWith("    server ")).map((line) => line.trim().split(" "));
          expect(words.map(([, server]) => server)).toEqual(Object.keys(all[name]?.servers ?? {}).toSorted());
          expect(words.every(({ length }) => length === 12 || length === 13)).toBe(true);
        }
      }),
    );
  });

  test("cannot be written to by any text: what could end a word or a line is refused", () => {
    const hostile = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({
        unit: fc.constantFrom("\n", "\r", " ", "#", "'", '"', "\\", "$", "{", "}", "\t", "\0", "a", "/", ":", "]"),
      }),
    );
    const place = fc.constantFrom("service", "server", "address", "bind", "path");
    const templates = (text: string): Readonly<Record<string, unknown>> => ({
      service: { publicServices: { [text]: { port: 1, servers } } },
      server: { publicServices: { web: { port: 1, servers: { [text]: { address: "::1", port: 1 } } } } },
      address: { publicServices: { web: { port: 1, servers: { a: { address: text, port: 1 } } } } },
      bind: { publicServices: { web: { port: 1, address: text, servers } } },
      path: { publicServices: { web: { port: 1, servers, check: { by: "http", path: `/${text}` } } } },
    });
    const plain: Readonly<Record<string, string>> = {
      service: "a",
      server: "a",
      address: "::1",
      bind: "::1",
      path: "a",
    };
    fc.assert(
      fc.property(hostile, place, (text, where) => {
        const read = HaproxySpec.safeParse(templates(text)[where]);
        if (!read.success) return;
        const wordsOf = (config: string): readonly number[] => config.split("\n").map((line) => line.split(" ").length);
        const harmless = haproxyText(HaproxySpec.parse(templates(plain[where] ?? "")[where]));
        const config = haproxyText(read.data);
        expect(wordsOf(config)).toEqual(wordsOf(harmless));
        expect(config.replaceAll(/^# (Made|public).*$/gm, "")).not.toMatch(/["\\#\0\r]/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("refused is", () => {
  const one = { port: 80, servers };
  test.each([
    ["no service", {}, "a load balancer has at least one service"],
    ["no server", { publicServices: { web: { port: 80, servers: {} } } }, "a service has at least one server"],
    [
      "a host's name",
      { publicServices: { web: { ...one, address: "web.local" } } },
      "an address is one of IPv4 or IPv6",
    ],
    ["a bad port", { publicServices: { web: { ...one, port: 65_536 } } }, "publicServices.web.port"],
    ["an unknown field", { publicServices: { web: { ...one, tls: true } } }, 'Unrecognized key: "tls"'],
    [
      "a path with a line feed",
      { publicServices: { web: { ...one, check: { by: "http", path: "/\nlisten evil" } } } },
      "a path is as in a URL",
    ],
    [
      "a name that is public and private",
      { publicServices: { web: one }, privateServices: { web: { port: 81, servers } } },
      'the service "web" is both public and private',
    ],
    [
      "one socket twice, however it is written",
      {
        publicServices: { a: { ...one, address: "::1" } },
        privateServices: { b: { ...one, address: "0:0:0:0:0:0:0:1" } },
      },
      '"a" and "b" both listen at [::1]:80',
    ],
    [
      "a private service behind an open port",
      { publicServices: { a: { ...one, address: "192.0.2.1" } }, privateServices: { b: { ...one, address: "::" } } },
      '"b" is private and listens at every address, at port 80, which a public service opens',
    ],
  ])("%s", (_, services, sentence) => {
    expect(() => loose(services)).toThrow(InvalidSpec);
    expect(() => loose(services)).toThrow(sentence);
  });
});

describe("the composition", () => {
  test("opens the port of each public service first, and once", () => {
    const web = { port: 443, servers };
    const { scores, after } = loadBalancer({
      publicServices: {
        here: { ...web, address: "192.0.2.1" },
        there: { ...web, address: "192.0.2.2" },
        plain: { port: 80, servers },
      },
      privateServices: { db: { port: 5432, servers } },
      interfaces: ["eth0"],
    });
    expect(scores["ports"]?.spec).toMatchObject({
      interfaces: ["eth0"],
      ports: [{ port: 80 }, { port: 443 }],
      otherwise: "accept",
    });
    expect(inOrder(Object.keys(scores), after)[0]).toBe("ports");
    // Each waits for the one before.
    expect(inOrder(Object.keys(scores), after)).toEqual(Object.keys(scores));
    expect(Object.values(after).flat()).toHaveLength(Object.keys(scores).length - 1);
  });

  test("opens nothing for what is private", () => {
    const { scores } = loadBalancer({ privateServices: { db: { port: 5432, servers } } });
    expect(scores["ports"]?.spec).toMatchObject({ ports: [] });
  });
});

describe("the configuration of somebody else", () => {
  const { config } = loadBalancer({ publicServices: { web: { port: 80, servers } } }).scores;
  const path = "/etc/haproxy/haproxy.cfg";
  const host = (entry: FakeEntry): { readonly device: Device; readonly fs: FakeFileSystem } => {
    const fs = new FakeFileSystem();
    fs.put("/etc/haproxy", { type: "directory" });
    fs.put(path, entry);
    return { fs, device: new Device({ FileSystemHost: fs }) };
  };

  test.each([
    ["a bad bind address", { text: "listen web\n    bind [::1:99999999999\n    bind *:::\n" }],
    ["no text at all", { bytes: Uint8Array.from({ length: 5000 }, (_, at) => at % 256) }],
    ["nothing", { text: "" }],
  ])("is replaced, whatever is in it: %s", async (_, content) => {
    if (config === undefined) throw new Error("there is no configuration");
    const { device, fs } = host({ type: "file", ...content });
    expect(await device.interpret(config)).toMatchObject({ outcome: "SUCCESS" });
    expect(fs.tree()[path]).toMatchObject({ text: expect.stringContaining("listen web\n    bind 0.0.0.0:80\n") });
    expect(await device.interpret(config)).toMatchObject({ outcome: "NOOP" });
  });

  test("is a failure that says what to do where it is no file", async () => {
    if (config === undefined) throw new Error("there is no configuration");
    const { device } = host({ type: "directory" });
    expect(await device.interpret(config)).toMatchObject({
      outcome: "FAILURE",
      failure: { _tag: "Obstructed", obstruction: { blame: "device" } },
    });
  });
});

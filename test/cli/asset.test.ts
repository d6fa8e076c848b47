import { createHash, generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { loadManifest } from "../../src/cli/load-manifest.ts";
import { connectStore } from "../../src/wire/nats/connect.ts";
import { natsServer } from "../support/nats-server.ts";
import { folder, harmony } from "./in-process.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const fileOf = (call: string): string => `
import { asset, assetOf, FileScore, manifest, PiTopology } from "harmony-edge";
export default manifest(PiTopology, { site: new FileScore({ path: "/srv/site", content: ${call} }) });
`;

async function storeAt(url: string) {
  const connected = await connectStore({ servers: url });
  if (connected._tag === "Unreachable") throw new Error(connected.message);
  onTestFinished(() => connected.store.close());
  return connected.store;
}

describe("asset() in a FILE", () => {
  test("is hashed from beside FILE, wherever the command runs, and is watched with it", async () => {
    const cwd = folder({ "fleet/kiosk.ts": fileOf(`asset("./site")`), "fleet/site": "hello" });
    const loaded = await loadManifest("fleet/kiosk.ts", { cwd, print: () => {} });
    if (loaded._tag !== "Loaded") throw new Error(JSON.stringify(loaded));
    const wanted = { asset: sha256("hello"), size: 5 };
    expect(loaded.manifest.scores["site"]?.spec).toMatchObject({ content: wanted });
    expect(loaded.assets).toMatchObject([{ ...wanted, path: join(cwd, "fleet/site") }]);
    expect(loaded.inputs).toContain(join(cwd, "fleet/site"));
    writeFileSync(join(cwd, "fleet/site"), "other");
    const again = await loadManifest("fleet/kiosk.ts", { cwd, print: () => {} });
    expect(again).toMatchObject({ assets: [{ asset: sha256("other") }] });
  });

  test.each([
    [`asset("./none")`, /ENOENT.*none/],
    [`asset("./folder")`, /folder is no file/],
    [`assetOf("AB", 3)`, /assetOf: .*a sha256 is 64 of 0-9 and a-f/s],
  ])("%s cannot be loaded, and says why and where", async (call, why) => {
    const cwd = folder({ "kiosk.ts": fileOf(call), "folder/x": "" });
    const loaded = await loadManifest("kiosk.ts", { cwd, print: () => {} });
    expect(loaded).toMatchObject({
      _tag: "CannotLoad",
      problems: [{ file: join(cwd, "kiosk.ts"), line: 3, message: expect.stringMatching(why) }],
    });
  });

  test("is uploaded by apply before the manifest, once", async () => {
    const { url } = await natsServer();
    const cwd = folder({ "kiosk.ts": fileOf(`asset("./site")`), site: "hello" });
    const apply = ["apply", "kiosk.ts", "--agent", "pi-7", "--no-wait", "--server", url];
    const first = await harmony(apply, { cwd });
    expect(first.err).toMatch(/uploaded site \(5 bytes\)\n.*shipping generation 1/s);
    expect(first.code).toBe(0);
    const second = await harmony(apply, { cwd });
    expect(second.err).not.toContain("uploaded");
    expect(second.code).toBe(0);
    const store = await storeAt(url);
    expect(await store.findAsset(sha256("hello"))).toMatchObject({ _tag: "Found", size: 5 });
  });
});

test("a signed bundle says that it does not hold the assets that it names", async () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const ada = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const cwd = folder({ "kiosk.ts": fileOf(`asset("./site")`), site: "hello", "ada.pem": ada });
  const words = ["sign", "kiosk.ts", "--agent", "pi-7", "--sign", "ada=ada.pem", "-o", "bundle.json"];
  const signed = await harmony(words, { cwd });
  expect(signed.err).toContain("It names an asset; harmony asset put FILE uploads one.");
  expect(signed.code).toBe(0);
  expect(readFileSync(join(cwd, "bundle.json"), "utf8")).toContain(sha256("hello"));
});

describe("harmony asset rm", () => {
  test("takes away what no manifest refers to, and refuses, with the agents' names, what one does", async () => {
    const { url } = await natsServer();
    const cwd = folder({ "kiosk.ts": fileOf(`asset("./site")`), site: "hello", other: "x" });
    for (const agent of ["pi-7", "pi-8"]) {
      await harmony(["apply", "kiosk.ts", "--agent", agent, "--no-wait", "--server", url], { cwd });
    }
    await harmony(["asset", "put", "other", "--server", url], { cwd });
    const rm = (...words: readonly string[]) => harmony(["asset", "rm", ...words, "--server", url], { cwd });

    const refused = await rm(sha256("x"), sha256("hello"));
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.err).toContain(`nothing was removed: pi-7, pi-8 refer to ${sha256("hello")}`);
    const store = await storeAt(url);
    expect(await store.findAsset(sha256("x"))).toMatchObject({ _tag: "Found" });

    expect(await rm(sha256("x"), "0".repeat(64))).toMatchObject({
      code: 0,
      out: `${sha256("x")} removed\n${"0".repeat(64)} was not there\n`,
    });
    expect(await store.findAsset(sha256("x"))).toEqual({ _tag: "Absent" });
    const forced = await rm(sha256("hello"), "--force", "--json");
    expect(JSON.parse(forced.out)).toEqual({ _tag: "Removed", removed: [sha256("hello")], absent: [] });
    expect(await store.findAsset(sha256("hello"))).toEqual({ _tag: "Absent" });
  });

  test("refuses where it cannot be told what a manifest refers to", async () => {
    const { url } = await natsServer();
    const cwd = folder({ other: "x" });
    await harmony(["asset", "put", "other", "--server", url], { cwd });
    const store = await storeAt(url);
    await store.put("desired-state", "pi-9", new TextEncoder().encode("{"));
    const refused = await harmony(["asset", "rm", sha256("x"), "--server", url], { cwd });
    expect(refused.code).toBe(1);
    expect(refused.err).toContain("what the manifest of pi-9 refers to cannot be told");
    expect(await store.findAsset(sha256("x"))).toMatchObject({ _tag: "Found" });
  });

  test("says what is no sha256", async () => {
    const wrong = await harmony(["asset", "rm", "site.tar"], {});
    expect(wrong).toMatchObject({ code: 2, out: "" });
    expect(wrong.err).toContain('"site.tar" is no sha256');
  });
});

describe("harmony asset put", () => {
  test("uploads, and prints what a manifest calls it", async () => {
    const { url } = await natsServer();
    const cwd = folder({ site: "hello", other: "x" });
    const put = await harmony(["asset", "put", "site", "other", "--server", url], { cwd });
    expect(put.out).toBe(`${sha256("hello")} 5 site\n${sha256("x")} 1 other\n`);
    expect(put.code).toBe(0);
    const json = await harmony(["asset", "put", "site", "--again", "--json", "--server", url], { cwd });
    expect(JSON.parse(json.out)).toEqual([{ sha256: sha256("hello"), size: 5, file: "site" }]);
    expect(json.err).toBe("");
  });

  test("says what cannot be read, and when the server cannot be reached", async () => {
    const cwd = folder({ site: "hello" });
    expect(await harmony(["asset", "put", "none"], { cwd })).toMatchObject({ code: 2, out: "" });
    const lost = await harmony(["asset", "put", "site", "--server", "nats://127.0.0.1:1"], { cwd });
    expect(lost).toMatchObject({ code: 4, out: "" });
  });
});

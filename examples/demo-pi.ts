// The whole road on a real machine: `npm run demo:pi`. Boots a Debian 13 with a systemd, a podman, a network and a packet
// filter of its own, and applies kiosk-pi.ts to it. Ends with status 0 only if everything went as it says, with 2 where no
// machine can boot. Nothing of it outlives it.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNatsServer } from "../src/cli/nats-server.ts";
import { startAgent } from "../test/device/machine/agent.ts";
import { canBoot } from "../test/device/machine/can-boot.ts";
import { bootMachine, type Machine } from "../test/device/machine/machine.ts";
import { secondsSince } from "../test/device/machine/progress.ts";
import { removeCgroups } from "../test/device/machine/yard.ts";
import { chapter, here, indented, interrupted, operator, outcomeOf, say, until } from "./demo/telling.ts";

const AGENT = "kiosk-pi";
const KIOSK = here("kiosk-pi.ts");
/** What kiosk-pi.ts runs in its container, and where it serves the page to. */
const IMAGE = "127.0.0.1:5000/busybox:1";
const PAGE = "http://203.0.113.2:8080/";

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "harmony-demo-pi-"));
  const stops: (() => Promise<void>)[] = [async () => rm(folder, { recursive: true, force: true })];
  try {
    await removeCgroups();
    chapter("A machine: Debian 13 with systemd, podman and a network of its own");
    say("booting; the first time its image is made, which takes a minute or two");
    const began = performance.now();
    const machine = await bootMachine({ name: AGENT, signal: interrupted });
    stops.push(async () => machine.stop());
    const version = await machine.run(["systemctl", "--version"]);
    say(`it is up after ${secondsSince(began)}: ${version.split("\n")[0]}`);

    await fillRegistry(machine);

    const server = await startNatsServer({ storeDir: join(folder, "nats"), signal: interrupted });
    stops.push(async () => server.stop());
    await startAgent(machine, { id: AGENT, server: await machine.natsUrl(server) });
    say(`nats-server at ${server.url}; agent "${AGENT}" runs there as harmony-agent.service`);
    await tell(machine, operator(server.url, AGENT)).catch(async (error: unknown) => {
      const last = ["journalctl", "--unit", "harmony-agent.service", "--output", "cat", "--lines", "20"];
      const words = await machine.run(last).catch(String);
      if (!interrupted.aborted) process.stderr.write(`\nThe agent's last words:\n${words}\n`);
      throw error;
    });
    chapter("The machine is switched off");
  } catch (error) {
    const why: unknown = interrupted.aborted ? interrupted.reason : error;
    process.exitCode = interrupted.aborted ? 130 : 1;
    process.stderr.write(`\nThe demo failed: ${why instanceof Error ? why.message : String(why)}\n`);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
  if (process.exitCode === undefined) say("Done. Everything above really happened, and nothing of it is left.");
}

/** The registry is on the machine itself, so that the demo needs no network. */
async function fillRegistry(machine: Machine): Promise<void> {
  await machine.run(["systemctl", "start", "docker-registry.service"]);
  await machine.run(["podman", "import", "--quiet", "/opt/busybox.tar", IMAGE]);
  await until("the registry", async () =>
    (await machine.exec(["podman", "push", "--quiet", IMAGE])).code === 0 ? true : undefined,
  );
  await machine.run(["podman", "rmi", IMAGE]);
  say(`a container registry on it has the image ${IMAGE}`);
}

async function tell(machine: Machine, { harmony, status }: ReturnType<typeof operator>): Promise<void> {
  chapter("A kiosk travels to it");
  assert.equal((await harmony("apply", KIOSK, "--agent", AGENT)).code, 0, "the kiosk is applied");
  assert.equal(outcomeOf(await status()), "SUCCESS", "every Score is a SUCCESS");
  await look(machine);

  chapter("Once more: nothing to do, and nothing is done");
  assert.equal((await harmony("apply", KIOSK, "--agent", AGENT)).code, 0);
  assert.equal(outcomeOf(await status()), "NOOP", "every Score is a NOOP");

  chapter("How it stands");
  assert.equal((await harmony("status", AGENT)).code, 0);

  chapter("Somebody tampers; it is repaired");
  for (const { id, what, argv, isWell } of tampering(machine)) {
    await machine.run(argv);
    say(`$ ${asTyped(argv)}   # ${what}`);
    const began = performance.now();
    await until(`the repair of ${id}`, async () => ((await isWell()) ? true : undefined));
    const took = Math.round(performance.now() - began);
    const { change, outcome } = await until(`the repair of ${id} in the status`, async () => {
      const told = (await status()).scores[id];
      return told?.change === "corrective" && told.state === "Ready" ? told : undefined;
    });
    say(`  repaired after ${took} ms (looking every 50); ${id}: Ready, ${outcome}, ${change}`);
  }
  await look(machine);

  chapter("It is removed");
  assert.equal((await harmony("remove", AGENT, "--yes")).code, 0, "the kiosk is removed");
  for (const argv of gone) {
    const { code } = await machine.exec(argv);
    assert.notEqual(code, 0, `nothing is left: ${argv.join(" ")}`);
    say(`$ ${asTyped(argv)}   # exit ${code}`);
  }
}

interface Tampering {
  readonly id: string;
  readonly what: string;
  readonly argv: readonly string[];
  readonly isWell: () => Promise<boolean>;
}

const tampering = (machine: Machine): readonly Tampering[] => [
  {
    id: "site.page",
    what: "writes another page",
    argv: ["sh", "-c", "echo hacked >/srv/kiosk/index.html"],
    isWell: async () => (await machine.readFile("/srv/kiosk/index.html")).includes("Departures"),
  },
  {
    id: "site.server",
    what: "removes the container",
    argv: ["podman", "rm", "--force", "--time", "1", "kiosk-server"],
    isWell: async () => (await served(machine)) !== null,
  },
  {
    id: "hall",
    what: "takes the address away",
    argv: ["ip", "address", "flush", "dev", "eth1"],
    isWell: async () => (await served(machine)) !== null,
  },
  {
    id: "screen.service",
    what: "stops the service",
    argv: ["systemctl", "stop", "kiosk-screen.service"],
    isWell: async () => (await machine.exec(["systemctl", "is-active", "kiosk-screen.service"])).code === 0,
  },
];

/** Each of these says no once the kiosk is removed. */
const gone: readonly (readonly string[])[] = [
  ["ls", "/srv/kiosk"],
  ["podman", "container", "inspect", "kiosk-server"],
  ["sh", "-c", "ip address show dev eth1 | grep 203.0.113.2"],
  ["systemctl", "cat", "kiosk-screen.service"],
];

const asTyped = (argv: readonly string[]): string =>
  argv.map((word) => (/^[\w./:@=-]+$/.test(word) ? word : `'${word}'`)).join(" ");

/** The page as the displays in the hall get it: by the second network interface. Null where nothing answers. */
async function served(machine: Machine): Promise<string | null> {
  // It gives up by itself: a connection to a container that is being removed is never answered.
  const ask =
    "fetch(process.argv[1], { signal: AbortSignal.timeout(2000) }).then(async (answer) => process.stdout.write(await answer.text()))";
  return machine.outside([process.execPath, "-e", ask, PAGE]).catch(() => null);
}

/** What people see of the kiosk. */
async function look(machine: Machine): Promise<void> {
  const shown = await until("the page on the screen", async () => {
    const journal = ["journalctl", "--unit", "kiosk-screen.service", "--output", "cat", "--lines", "1"];
    const last = await machine.run(journal);
    return last.startsWith("showing ") ? last.trim() : undefined;
  });
  say(`the screen says: ${shown}`);
  const page = await until("the page in the hall", async () => (await served(machine)) ?? undefined);
  assert.ok(page.includes("<title>Departures</title>"), "the page is served");
  say(`the hall's displays get from ${PAGE}:\n${indented(page)}`);
}

const possible = await canBoot();
if (possible === true) await main();
else {
  process.stderr.write(
    `demo:pi boots a real machine, and cannot here: ${possible} Run it as root on Debian or Ubuntu, or see "npm run demo", which needs neither.\n`,
  );
  process.exitCode = 2;
}

import { isDeepStrictEqual } from "node:util";
import type { AgentStatus, ScoreState } from "../src/wire/status.ts";
import type { Device } from "./device.ts";
import type { Wanted, Wish } from "./wanted.ts";

/** What each Score comes to on this device, once nothing goes wrong any more. */
export function expectedStates(wish: Wish, device: Device): ReadonlyMap<string, ScoreState> {
  const states = new Map<string, ScoreState>();
  for (const [id, wanted] of wish.scores) {
    const waits = wanted.after.some((on) => states.get(on) !== "Ready");
    states.set(
      id,
      wanted.sort === "unknown" ? "Refused" : waits ? "Blocked" : fails(wanted, device) ? "Failed" : "Ready",
    );
  }
  return states;
}

const fails = (wanted: Wanted, { obstacles, crashing }: Device): boolean =>
  (wanted.sort === "file" && (wanted.hopeless || obstacles.has(wanted.path))) ||
  (wanted.sort === "service" && crashing.has(wanted.unit));

/** What of the device is not as the wish says; null where all is. */
export function deviation(wish: Wish, device: Device): string | null {
  const states = expectedStates(wish, device);
  const tree = device.fs.tree();
  const units = device.systemd.tree();
  const wantedPaths = new Set<string>();
  const wantedUnits = new Set<string>();
  for (const [id, wanted] of wish.scores) {
    const isReady = states.get(id) === "Ready";
    if (wanted.sort === "service") {
      wantedUnits.add(wanted.unit);
      if (!isReady) continue;
      const file = units[`file:${wanted.unit}`];
      if (typeof file !== "string" || !file.includes(`=${wanted.text}\n`)) return `${wanted.unit} has another file`;
      if (units[`active:${wanted.unit}`] !== "active") return `${wanted.unit} does not run, or by an old file`;
      if (units[`enabled:${wanted.unit}`] !== true) return `${wanted.unit} is not enabled`;
    } else if (wanted.sort !== "unknown") {
      for (let path = wanted.path; path !== ""; path = path.slice(0, path.lastIndexOf("/"))) wantedPaths.add(path);
      if (!isReady) continue;
      const entry = tree[wanted.path];
      const isSo =
        wanted.sort === "directory"
          ? entry?.type === "directory"
          : entry?.type === "file" && "text" in entry && entry.text === wanted.text && entry.mode === "0644";
      if (!isSo) return `${wanted.path} is ${JSON.stringify(entry)}`;
    }
  }
  return device.files.lostSomething ? null : leaked(device, tree, units, wantedPaths, wantedUnits);
}

function leaked(
  { foreign, used, crashing }: Device,
  tree: ReturnType<Device["fs"]["tree"]>,
  units: ReturnType<Device["systemd"]["tree"]>,
  wantedPaths: ReadonlySet<string>,
  wantedUnits: ReadonlySet<string>,
): string | null {
  const paths = Object.keys(tree);
  for (const [path, entry] of Object.entries(tree)) {
    if (wantedPaths.has(path) || foreign.has(path)) continue;
    if (entry.type === "file" && "text" in entry && entry.text.startsWith("ours ")) return `${path} is left behind`;
    const isEmpty = entry.type === "directory" && !used.has(path) && !paths.some((each) => each.startsWith(`${path}/`));
    if (isEmpty) return `the empty directory ${path} is left behind`;
  }
  for (const fact of Object.keys(units)) {
    const unit = fact.slice(fact.indexOf(":") + 1);
    if (unit !== "ssh.service" && !wantedUnits.has(unit) && !(crashing.has(unit) && fact.startsWith("unread:"))) {
      return `${fact} is left behind`;
    }
  }
  return null;
}

/** What of others' is not as they left it; null where all is. */
export function touched({ fs, systemd, foreign }: Device): string | null {
  const tree = fs.tree();
  for (const [path, entry] of foreign) {
    if (!isDeepStrictEqual(tree[path], entry)) return `${path} is ${JSON.stringify(tree[path])}`;
  }
  const units = systemd.tree();
  const isSo = units["enabled:ssh.service"] === true && units["active:ssh.service"] === "active";
  return isSo ? null : "ssh.service is not as it was";
}

/** In what the stored status differs from the truth; null where it tells it. */
export function untruth(status: AgentStatus, wish: Wish, device: Device): string | null {
  const states = expectedStates(wish, device);
  if (status.generation !== wish.generation) return `it tells of generation ${status.generation}`;
  if (status.observedGeneration !== wish.generation) return `it has observed ${status.observedGeneration}`;
  const ids = new Set([...states.keys(), ...Object.keys(status.scores)]);
  for (const id of ids) {
    const told = status.scores[id];
    if (told?.state !== states.get(id)) {
      return `${id} is ${told?.state ?? "not told of"}, not ${states.get(id) ?? "there"}`;
    }
    if (told?.generation !== wish.generation) return `${id} is told of for generation ${told?.generation}`;
  }
  const ready = status.conditions.find(({ type }) => type === "Ready");
  const isReady = [...states.values()].every((state) => state === "Ready");
  if (ready?.status !== (isReady ? "True" : "False")) return `Ready is ${ready?.status} (${ready?.reason})`;
  const reconciling = status.conditions.find(({ type }) => type === "Reconciling");
  return reconciling?.status === "False" ? null : "Reconciling is True";
}

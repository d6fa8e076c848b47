import { isDeepStrictEqual } from "node:util";
import type { AgentStatus, ScoreState } from "../src/wire/status.ts";
import type { Device } from "./device.ts";
import { fails, isObstructed, isOnlyTold, stands, wasThere } from "./stands.ts";
import { identityOf, policies, type Wanted, type Wish } from "./wanted.ts";

/** The states in which a Score may be told of that waits for nobody, once nothing goes wrong any more; none: it is not as it has to be. */
function allowed(wanted: Wanted, device: Device): readonly ScoreState[] {
  if (wanted.sort === "unknown") return ["Refused"];
  const how = stands(wanted, device);
  const { ownership } = policies(wanted);
  const passed = passedOver(wanted, device);
  if (how === "so") return ["Ready", ...passed];
  const isTheirs = ownership === "own" && how === "other" && !isOwned(wanted, device);
  if (isTheirs) return ["Failed", ...passed];
  if (isOnlyTold(wanted, device, how)) {
    // What failed for good is told as that, and so is what stands in the way.
    return [...passed, "Drifted", ...(fails(wanted, device) ? (["Failed"] as const) : [])];
  }
  return fails(wanted, device) ? ["Failed", ...passed] : passed;
}

/** Nobody looks any more what became of it, or of what it waited for. */
const passedOver = (wanted: Wanted, device: Device): readonly ScoreState[] =>
  policies(wanted).drift !== "ignore" ? [] : wasThere(wanted, device) ? ["Ready", "Drifted"] : ["Drifted"];

const isOwned = (wanted: Wanted, { files }: Device): boolean => files.owned.has(identityOf(wanted) ?? "");

const isUp = (state: ScoreState | undefined): boolean => state === "Ready" || state === "Drifted";

/** In what a device or the status that is stored of it is not as it should be; null where all is. */
export function untruth(status: AgentStatus, wish: Wish, device: Device): string | null {
  if (status.generation !== wish.generation) return `it tells of generation ${status.generation}`;
  if (status.observedGeneration !== wish.generation) return `it has observed ${status.observedGeneration}`;
  const stranger = Object.keys(status.scores).find((id) => !wish.scores.has(id));
  if (stranger !== undefined) return `${stranger} is told of, and nobody wants it`;
  for (const [id, wanted] of wish.scores) {
    const told = status.scores[id];
    const waits = wanted.after.some((on) => !isUp(status.scores[on]?.state));
    const expected =
      waits && wanted.sort !== "unknown"
        ? ["Blocked" as const, ...passedOver(wanted, device)]
        : allowed(wanted, device);
    if (told === undefined || !expected.includes(told.state)) {
      const how = isObstructed(wanted, device) ? "obstructed" : stands(wanted, device);
      return `${id} is told to be ${told?.state ?? "nothing"}, and not ${expected.join(" or ") || "made"}; it is ${how}`;
    }
    if (told.generation !== wish.generation) return `${id} is told of for generation ${told.generation}`;
    // A change that its own Score could not carry through is not whole, and restarts nobody.
    const isWhole =
      wanted.sort === "service" && [id, ...wanted.restartOn].every((on) => isUp(status.scores[on]?.state));
    const missed = isWhole ? device.restarts.missed(wanted.unit) : null;
    if (missed !== null && !device.files.lostSomething) return missed;
  }
  const states = Object.values(status.scores).map(({ state }) => state);
  const ready = status.conditions.find(({ type }) => type === "Ready");
  if (ready?.status !== (states.every(isUp) ? "True" : "False")) return `Ready is ${ready?.status} (${ready?.reason})`;
  if (status.conditions.find(({ type }) => type === "Reconciling")?.status !== "False") return "Reconciling is True";
  return leaked(wish, device);
}

/** What is left of what nobody wants any more; null where nothing is. */
function leaked(wish: Wish, device: Device): string | null {
  const wanted = new Set([...wish.scores.values()].map((each) => identityOf(each) ?? ""));
  const stale = [...device.files.owned.keys()].find((identity) => !wanted.has(identity));
  if (stale !== undefined) return `${stale} is owned, and nobody wants it`;
  if (device.files.lostSomething) return null;
  const mayBe = (identity: string): boolean => wanted.has(identity) || device.left.has(identity);
  return leakedPath(wish, device, mayBe) ?? leakedElse(device, mayBe);
}

type MayBe = (identity: string) => boolean;

function leakedPath(wish: Wish, { fs, foreign, used }: Device, mayBe: MayBe): string | null {
  const tree = fs.tree();
  const paths = Object.keys(tree);
  const wanted = [...wish.scores.values()].flatMap((each) => ("path" in each ? [each.path] : []));
  for (const [path, entry] of Object.entries(tree)) {
    if (mayBe(`path:${path}`) || foreign.has(path)) continue;
    if (entry.type === "file" && "text" in entry && entry.text.startsWith("ours ")) return `${path} is left behind`;
    const within = (each: string): boolean => each.startsWith(`${path}/`);
    const isEmpty = entry.type === "directory" && !used.has(path) && !paths.some(within) && !wanted.some(within);
    if (isEmpty) return `the empty directory ${path} is left behind`;
  }
  return null;
}

function leakedElse({ systemd, packages, preinstalled, crashing, parts, filter }: Device, mayBe: MayBe): string | null {
  for (const fact of Object.keys(systemd.tree())) {
    const unit = fact.slice(fact.indexOf(":") + 1);
    if (unit === "ssh.service" || mayBe(`unit:${unit}`) || (crashing.has(unit) && fact.startsWith("unread:"))) continue;
    return `${fact} is left behind`;
  }
  for (const [name, { status }] of Object.entries(packages.packages())) {
    if (status === "installed" && !preinstalled.has(name) && !mayBe(`package:${name}`)) return `${name} is left behind`;
  }
  const part = parts.find((each) => !mayBe(`firewall:${each}`));
  if (part !== undefined) return `${part} is left behind in the packet filter`;
  return parts.length === 0 && filter.facts()["frame"] === "sound" ? "an empty packet filter is left behind" : null;
}

/** What of others' is not as they left it; null where all is. */
export function touched({ fs, systemd, packages, installed, filter, foreign }: Device): string | null {
  const tree = fs.tree();
  for (const [path, entry] of foreign) {
    if (!isDeepStrictEqual(tree[path], entry)) return `${path} is ${JSON.stringify(tree[path])}`;
  }
  for (const name of installed) {
    if (packages.inspect(name).status !== "installed") return `${name} was there before, and is not any more`;
  }
  if (filter.facts()["table:theirs"] !== "drop") return "the table of others is not as it was";
  const units = systemd.tree();
  const isSo = units["enabled:ssh.service"] === true && units["active:ssh.service"] === "active";
  return isSo ? null : "ssh.service is not as it was";
}

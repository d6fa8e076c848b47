import type { Device } from "./device.ts";
import { identityOf, isRefused, policies, portOfText, versionOf, type Wanted } from "./wanted.ts";

/** How what a Score wants stands on a device, told without the kind's own code. */
export type Stands = "so" | "other" | "missing";

export function stands(wanted: Wanted, device: Device): Stands {
  switch (wanted.sort) {
    case "file":
      return fileStands(wanted, device);
    case "directory":
      return device.fs.inspect(wanted.path).type === "directory" ? "so" : "missing";
    case "service":
      return serviceStands(wanted, device);
    case "package": {
      const { status, version } = device.packages.inspect(wanted.name);
      if (status !== "installed" && status !== "broken") return "missing";
      return status === "installed" && version === versionOf(wanted.text) ? "so" : "other";
    }
    case "ports": {
      const facts = device.filter.facts();
      const rules = facts[`part:${wanted.name}`];
      if (rules === undefined) return facts["frame"] !== undefined && device.parts.length === 0 ? "other" : "missing";
      return isWritten(wanted, rules) && facts["frame"] === "sound" ? "so" : "other";
    }
    case "unknown":
      return "missing";
  }
}

function fileStands({ path, text, hopeless }: Extract<Wanted, { sort: "file" }>, { fs }: Device): Stands {
  const seen = fs.inspect(path, { hashUpTo: 0 });
  if (seen.type !== "file") return "missing";
  const entry = fs.tree()[path];
  const isSo = entry?.type === "file" && "text" in entry && entry.text === text && entry.mode === "0644" && !hopeless;
  return isSo ? "so" : "other";
}

function serviceStands(wanted: Extract<Wanted, { sort: "service" }>, { systemd }: Device): Stands {
  const { unit } = wanted;
  const units = systemd.tree();
  const file = units[`file:${unit}`];
  if (file === undefined) return "missing";
  const isSo = isWritten(wanted, file) && units[`active:${unit}`] === "active" && units[`enabled:${unit}`] === true;
  return isSo ? "so" : "other";
}

/** Whether this is what the Score wants to be written: a file's text, a unit's, a version, the rules of a filter. */
export function isWritten(wanted: Wanted, text: unknown): boolean {
  if (typeof text !== "string") return false;
  switch (wanted.sort) {
    case "file":
      return text === wanted.text;
    case "service":
      return text.includes(`=${wanted.text}\n`);
    case "package":
      return text === versionOf(wanted.text);
    case "ports":
      return text.includes(`"first":${portOfText(wanted.text)},`);
    case "directory":
    case "unknown":
      return false;
  }
}

/** Whether something is in the way, that no Score may touch. */
export const isObstructed = (wanted: Wanted, { obstacles }: Device): boolean =>
  wanted.sort === "file" && obstacles.has(wanted.path);

/** Whether it cannot be made, whoever tries. */
export const fails = (wanted: Wanted, device: Device): boolean =>
  isObstructed(wanted, device) ||
  (wanted.sort === "file" && (wanted.hopeless || isRefused(wanted.text))) ||
  (wanted.sort === "service" && device.crashing.has(wanted.unit));

/** Whether its present content was ever there. */
export const wasThere = (wanted: Wanted, { seen }: Device): boolean =>
  [...(seen.get(identityOf(wanted) ?? "") ?? [])].some((text) => isWritten(wanted, text));

/** Whether all that is to be done about it is to be told. */
export function isOnlyTold(wanted: Wanted, device: Device, how: Stands): boolean {
  const { drift, ownership } = policies(wanted);
  if (ownership === "observe") return true;
  if (ownership === "createOnly" && how === "other") return true;
  return drift !== "repair" && wasThere(wanted, device);
}

import type { Author } from "./author.ts";
import { type Device, parentOf } from "./device.ts";
import type { World } from "./world.ts";

/** Somebody else does something to the device; null where there is nothing to do it to. */
export function tamper(device: Device, author: Author, world: World): string | null {
  const { random } = world;
  const unit = random.pick(author.units);
  const name = random.pick(author.packages);
  if (unit !== undefined && random.chance(0.3)) return tamperWithUnit(device, unit, random.below(4));
  if (name !== undefined && random.chance(0.2)) return tamperWithPackage(device, name, random.below(3));
  if (author.openings.length > 0 && random.chance(0.2)) return tamperWithFilter(device, world);
  const path = random.pick(author.paths);
  return path === undefined ? null : tamperWithFile(device, path, random.below(6));
}

function tamperWithFile(device: Device, path: string, how: number): string | null {
  const { fs } = device;
  const parent = parentOf(path);
  switch (how) {
    case 0:
      if (!device.isFile(path)) return null;
      fs.put(path, { type: "file", text: "meddled with" });
      return `writes to ${path}`;
    case 1:
      if (!device.isFile(path)) return null;
      fs.take(path);
      return `removes ${path}`;
    case 2: {
      const entry = fs.tree()[path];
      if (entry?.type !== "file" || !("text" in entry)) return null;
      fs.put(path, { type: "file", text: entry.text, mode: "0600" });
      return `changes the mode of ${path}`;
    }
    case 3:
      // What was the agent's, with all that is in it.
      if (!parent.startsWith("/srv/") || fs.inspect(parent).type !== "directory") return null;
      device.take(parent);
      return `removes ${parent}`;
    case 4:
      if (parent === "/etc" || fs.inspect(parent).type !== "directory") return null;
      device.keep(`${parent}/guest`, { type: "file", text: "theirs" });
      return `puts a guest into ${parent}`;
    default: {
      const { type } = fs.inspect(path, { hashUpTo: 0 });
      if (type === "unreachable" || fs.inspect(parent).type !== "directory") return null;
      device.keep(path, { type: "link", target: "/etc/keep" });
      device.obstacles.add(path);
      return `puts a link at ${path}`;
    }
  }
}

function tamperWithUnit({ systemd }: Device, unit: string, how: number): string | null {
  if (systemd.unitFile(unit, "unit").type !== "file") return null;
  if (how === 0) systemd.put(unit, { active: "inactive" });
  else if (how === 1) systemd.put(unit, { enabled: false });
  else if (how === 2) systemd.put(unit, { file: "[Unit]\nDescription=meddled with\n[Service]\n" });
  else systemd.put(unit, { active: "failed" });
  return `${["stops", "disables", "edits", "kills"][how]} ${unit}`;
}

function tamperWithPackage(device: Device, name: string, how: number): string | null {
  const { packages, installed } = device;
  const { status, version } = packages.inspect(name);
  if (version === null || status !== "installed") return null;
  if (how === 0) packages.put(name, { status: "installed", version: "0.1" });
  else packages.put(name, how === 1 ? null : { status: "configuration", version });
  // Who installs it after that has brought it.
  if (how !== 0) installed.delete(name);
  return `${["downgrades", "purges", "removes"][how]} ${name}`;
}

function tamperWithFilter({ filter, parts }: Device, { random }: World): string | null {
  const part = random.pick(parts);
  if (part === undefined) return null;
  if (random.chance(0.5)) filter.putFrame("altered");
  else filter.put(part, "meddled with");
  return `meddles with ${part} in the packet filter`;
}

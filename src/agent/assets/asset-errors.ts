import { PortError } from "../../capabilities/port-error.ts";
import type { AssetRef } from "../../scores/asset.ts";
import { sizeText } from "../../scores/size-text.ts";
import type { Unreachable } from "../../wire/store.ts";

/** Why an asset is not there. All of these heal by themselves once what is asked for has been done. */

const AGAIN =
  "the agent looks for it again by itself, at the latest after five minutes, and at once with a new generation";

const named = ({ asset, size }: AssetRef): string => `the asset ${asset} (${sizeText(size)})`;

export const absent = (ref: AssetRef): PortError =>
  new PortError({
    code: "NotFound",
    blame: "author",
    message: `${named(ref)} is not on the server.`,
    next: `Put it there with harmony asset put FILE, or apply again from where the file is; ${AGAIN}.`,
  });

export const corrupt = (ref: AssetRef, how: string): PortError =>
  new PortError({
    code: "Corrupt",
    blame: "author",
    message: `${named(ref)} is damaged on the server: ${how}.`,
    next: `Put it there again with harmony asset put FILE --again; ${AGAIN}.`,
  });

export const notReached = (ref: AssetRef, { message }: Unreachable, got: number): PortError =>
  new PortError({
    code: "Unavailable",
    blame: "platform",
    message: `${named(ref)} could not be read from the server${got === 0 ? "" : `, after ${sizeText(got)}`}: ${message}.`,
    next: "Nothing, once the server can be reached: the agent goes on from there by itself.",
  });

export const overLimit = (ref: AssetRef, limit: number, inUse: number): PortError =>
  new PortError({
    code: "NoSpace",
    blame: "device",
    message: `${named(ref)} does not fit into the cache: it may hold ${sizeText(limit)}, and ${sizeText(inUse)} of that are in use.`,
    next: "Raise the agent's --cache-limit, or take other assets out of the manifest.",
  });

export const noRoom = (ref: AssetRef, needed: number, free: number, where: string): PortError =>
  new PortError({
    code: "NoSpace",
    blame: "device",
    message: `${named(ref)} needs ${sizeText(needed)} ${where}, and ${sizeText(free)} are free there.`,
    next: "Free some space on the device; the agent tries again by itself.",
  });

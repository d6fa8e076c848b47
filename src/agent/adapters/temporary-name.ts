import { hash } from "node:crypto";

/** The longest name that Linux file systems take, in bytes. */
export const NAME_MAX = 255;

const SUFFIX = ".harmony-new";

/**
 * The name, beside its target, under which `writeFile` prepares a file. It depends on the target alone, so that whatever
 * an interrupted write left behind is found again.
 */
export function temporaryName(target: string): string {
  const plain = `.${target}${SUFFIX}`;
  return Buffer.byteLength(plain) <= NAME_MAX ? plain : `.${hash("sha256", target, "hex")}${SUFFIX}`;
}

/** True of every name that {@link temporaryName} can give. */
export const isTemporaryName = (name: string): boolean => name.startsWith(".") && name.endsWith(SUFFIX);

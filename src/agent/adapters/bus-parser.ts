import DBusBuffer from "dbus-native/lib/dbus-buffer.js";

/**
 * The library reads an array of structs that have no members for ever, since none of them takes it further. No bus lets such
 * a signature through; what only says that it is a bus can send it.
 */
export function refuseEmptyStructs(): void {
  const { prototype } = DBusBuffer;
  const { readTree } = prototype;
  if (readTree === guarded) return;
  unguarded = readTree;
  prototype.readTree = guarded;
}

type ReadTree = (typeof DBusBuffer)["prototype"]["readTree"];

let unguarded: ReadTree;
const guarded: ReadTree = function guarded(this: unknown, tree) {
  if ("({r".includes(tree.type) && tree.child.length === 0) throw new Error("a struct has no members");
  return unguarded.call(this, tree);
};

/** The library's own reader of values, which it exports without types. */
declare module "dbus-native/lib/dbus-buffer.js" {
  interface Tree {
    readonly type: string;
    readonly child: readonly Tree[];
  }
  const DBusBuffer: { prototype: { readTree: (tree: Tree) => unknown } };
  export default DBusBuffer;
}

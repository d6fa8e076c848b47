/** What esbuild tells of one module: how many bytes of the bundle are its own, and what it imports. */
export interface Module {
  readonly bytes: number;
  readonly imports: readonly string[];
}

export interface Shares {
  /** Bytes that are there for this part alone, by its name. */
  readonly own: ReadonlyMap<string, number>;
  /** Bytes that several parts need, and the core does not. */
  readonly shared: number;
  /** Bytes of what is there in any agent, and of what holds the modules together. */
  readonly core: number;
}

/**
 * Whose bytes a bundle has. Modules that the core reaches are the core's; of the others each is its part's, where one part alone
 * reaches it. `through`: modules that merely hand on what others export, and would reach everything.
 */
export function sharesOf(
  modules: ReadonlyMap<string, Module>,
  {
    total,
    core,
    parts,
    through,
  }: {
    /** Of the bundle. */
    readonly total: number;
    readonly core: readonly string[];
    readonly parts: ReadonlyMap<string, readonly string[]>;
    readonly through: ReadonlySet<string>;
  },
): Shares {
  const reach = (from: readonly string[], without: ReadonlySet<string>): ReadonlySet<string> => {
    const found = new Set<string>();
    const open = [...from];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (found.has(path) || without.has(path) || through.has(path)) continue;
      found.add(path);
      open.push(...(modules.get(path)?.imports ?? []));
    }
    return found;
  };
  const ofCore = reach(core, new Set());
  const reached = new Map([...parts].map(([name, roots]) => [name, reach(roots, ofCore)] as const));
  const own = new Map<string, number>([...parts.keys()].map((name) => [name, 0]));
  let shared = 0;
  for (const [path, { bytes }] of modules) {
    if (ofCore.has(path) || bytes === 0) continue;
    const needed = [...reached].filter(([, paths]) => paths.has(path)).map(([name]) => name);
    const [only, ...others] = needed;
    if (only !== undefined && others.length === 0) own.set(only, (own.get(only) ?? 0) + bytes);
    else shared += bytes;
  }
  const ofParts = [...own.values()].reduce((sum, bytes) => sum + bytes, shared);
  return { own, shared, core: total - ofParts };
}

/**
 * The groups of ids that come after themselves: each id of a group comes, by way of the others, after every other one
 * of it. (Tarjan's strongly connected components, without recursion: one walk, however many cycles there are.)
 */
export function cycles(after: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const groups: string[][] = [];
  /** The order in which ids were first met. */
  const met = new Map<string, number>();
  /** The earliest id still open that an id leads to. */
  const low = new Map<string, number>();
  /** Met, and not yet known to be of a group or of none. */
  const open: string[] = [];
  const isOpen = new Set<string>();

  const enter = (id: string): { readonly id: string; readonly rest: Iterator<string, undefined> } => {
    low.set(id, met.size);
    met.set(id, met.size);
    open.push(id);
    isOpen.add(id);
    return { id, rest: (after.get(id) ?? []).values() };
  };
  const lower = (id: string, to: number): void => {
    low.set(id, Math.min(low.get(id) ?? to, to));
  };
  const leave = (id: string): void => {
    if (low.get(id) !== met.get(id)) return;
    const group = open.splice(open.lastIndexOf(id));
    for (const each of group) isOpen.delete(each);
    if (group.length > 1 || after.get(id)?.includes(id) === true) groups.push(group);
  };

  for (const start of after.keys()) {
    const path = met.has(start) ? [] : [enter(start)];
    for (let here = path.at(-1); here !== undefined; here = path.at(-1)) {
      const { id, rest } = here;
      const { value: next } = rest.next();
      if (next !== undefined && met.has(next)) {
        if (isOpen.has(next)) lower(id, met.get(next) ?? 0);
      } else if (next !== undefined) {
        path.push(enter(next));
      } else {
        path.pop();
        leave(id);
        const behind = path.at(-1);
        if (behind !== undefined) lower(behind.id, low.get(id) ?? 0);
      }
    }
  }
  return groups;
}

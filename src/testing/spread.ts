/** So many of them at most, evenly spread: of so many equal parts, the middle of each. */
export function spread<T>(all: readonly T[], atMost: number): readonly T[] {
  if (all.length <= atMost) return all;
  const picked = new Set(Array.from({ length: atMost }, (_, nth) => Math.floor(((nth + 0.5) * all.length) / atMost)));
  return all.filter((_, at) => picked.has(at));
}

/** So many of them at most, evenly spread, the last one among them. */
export const spread = <T>(all: readonly T[], atMost: number): readonly T[] =>
  all.length <= atMost
    ? all
    : all.filter((_, at) => Math.floor(((at + 1) * atMost) / all.length) > Math.floor((at * atMost) / all.length));

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"] as const;

/** `1536` is `1.5 KiB`. */
export function sizeText(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return power === 0 ? `${bytes} bytes` : `${(bytes / 1024 ** power).toFixed(1)} ${UNITS[power] ?? ""}`;
}

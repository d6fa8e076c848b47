/** Bytes of each file that a benchmark declares. */
export const FILE_BYTES = 1024;

export const idOf = (index: number): string => `f${String(index).padStart(5, "0")}`;
/** As a Score names it, below the root of the file system adapter. */
export const pathOf = (index: number): string => `/files/${idOf(index)}`;

/** 1 KiB of text that differs from file to file, and with `version` from time to time. */
export const contentOf = (index: number, version = 0): string =>
  `${index} ${version} ${"0123456789abcdef".repeat(FILE_BYTES / 16)}`.slice(0, FILE_BYTES);

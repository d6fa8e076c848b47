import { relative } from "node:path";

/** Why FILE cannot be used, and where. */
export interface Problem {
  readonly file: string;
  /** Counts from 1, as does `column`. */
  readonly line?: number;
  readonly column?: number;
  readonly message: string;
  /** What is wrong, where more is known than that it cannot be used. */
  readonly rule?: "InvalidSpec" | "AssetUnreadable";
  readonly scoreId?: string;
}

/** `FILE:LINE:COLUMN: message`, with the path as somebody in this folder would write it. */
export const problemLine = ({ file, line, column, message }: Problem, cwd: string): string =>
  `${[displayPath(file, cwd), line, column].filter((part) => part !== undefined).join(":")}: ${message}`;

export function displayPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short === "" || short.startsWith("../../..") ? path : short;
}

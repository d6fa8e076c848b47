// The kinds that the agents of this repository know: `harmony bundle` builds one with these, and no others.
// `harmony new kind` puts those of your own here.
import { DirectoryScore, FileScore } from "harmony-edge";

export default [DirectoryScore, FileScore] as const;

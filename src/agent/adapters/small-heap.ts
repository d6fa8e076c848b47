import { setFlagsFromString } from "node:v8";

// Imported before anything else, so that it holds while the rest is loaded. Without it V8 lets its heap grow to several
// times what is in use before it collects for the first time, and a manifest of a thousand Scores leaves it at that for
// good. With it the heap stays close to what is in use, for somewhat more frequent collections, most of them beside the
// program. Measured in docs/performance.md; a board with 512 MiB has better uses for it.
setFlagsFromString("--optimize-for-size");
// The first flag bounds the space for new objects only where it is given at the start of the process.
setFlagsFromString("--semi-space-growth-factor=1");

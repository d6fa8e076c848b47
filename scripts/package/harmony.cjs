#!/usr/bin/node
// The agent of one device. The command line for those who ship to it is the npm package harmony-edge.
// @ts-nocheck: what it loads is where the package puts it.
"use strict";
const [what, ...words] = process.argv.slice(2);
if (what === "agent") {
  require("/usr/lib/harmony-agent/agent.cjs")
    .main(words)
    .then((code) => (process.exitCode = code));
} else {
  process.stderr.write("harmony: this device has the agent alone; see harmony agent --help\n");
  process.exitCode = 2;
}

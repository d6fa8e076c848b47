// The least that repairs drift as it happens: a watch on one directory, and whatever is not as it was is written anew.
//
//   bare-repairer URL DIRECTORY
import { hash } from "node:crypto";
import { readdirSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { connect } from "nats";
import { durableWrite } from "./durable-write.ts";

const [servers = "", directory = ""] = process.argv.slice(2);
const wanted = new Map(
  readdirSync(directory).map((name) => {
    const bytes = readFileSync(join(directory, name));
    return [name, { bytes, sha256: hash("sha256", bytes) }];
  }),
);
watch(directory, (_, name) => {
  const file = wanted.get(name ?? "");
  if (name === null || file === undefined) return;
  if (hash("sha256", readFileSync(join(directory, name))) !== file.sha256) durableWrite(directory, name, file.bytes);
});
const connection = await connect({ servers });
connection.publish(`bench.up.${process.pid}`);

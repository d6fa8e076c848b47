// What an agent on NATS costs at the very least, without anything of Harmony: bundled and run as a process of its own.
//
//   bare-client connect URL                                just connects
//   bare-client answer URL STATUS-BYTES KEY                puts a status as soon as the key was written
//   bare-client answer URL STATUS-BYTES KEY DIRECTORY      ... once it has put what was written into a file, durably
import { connect } from "nats";
import { durableWrite } from "./durable-write.ts";

const [doing, servers = "", statusBytes = "0", key = "", directory] = process.argv.slice(2);

// Without the stack trace that each request would otherwise pay for.
const connection = await connect({ servers, noAsyncTraces: true });
const stream = connection.jetstream();
if (doing === "answer") {
  const padding = " ".repeat(Number(statusBytes));
  connection.subscribe(`$KV.desired-state.${key}`, {
    callback: (_, { data }) => {
      if (directory !== undefined) durableWrite(directory, "file", data);
      // What was written begins with a number and a space.
      const number = Buffer.from(data.buffer, data.byteOffset, 16).toString().split(" ", 1)[0] ?? "";
      void stream.publish(`$KV.actual-state.${key}`, Buffer.from(`${number} ${padding}`));
    },
  });
}
await connection.flush();
connection.publish(`bench.up.${process.pid}`);

import { spawn } from "node:child_process";
import { connect, Server } from "node:net";

const deadlineMs = 10_000;

/**
 * Opens the socket where it runs, hands it to its parent and ends. A socket belongs to the network in which it was
 * opened, whoever then accepts on it.
 */
const opener = `
const server = require("node:net").createServer();
process.once("disconnect", () => process.exit());
server.once("error", (error) => process.send(error.message));
server.listen(Number(process.argv[1]), () => process.send("", server));
`;

/**
 * Lets a yard reach a TCP port of this host's loopback: the same port, on every address of the yard.
 *
 * @param enter what comes before a command line that is to run in the yard
 * @returns a function that closes the port and its connections
 * @throws Error with a sentence
 */
export async function listenInside(
  enter: (argv: readonly string[]) => readonly string[],
  port: number,
): Promise<() => void> {
  const server = await socketInside(enter([process.execPath, "-e", opener, String(port)]));
  const open = new Set<{ destroy(): void }>();
  server.on("connection", (there) => {
    const here = connect({ host: "127.0.0.1", port });
    for (const [from, to] of [
      [there, here],
      [here, there],
    ] as const) {
      open.add(from);
      // When either end breaks, the other one shall notice.
      from
        .on("error", () => to.destroy())
        .on("close", () => {
          open.delete(from);
          to.destroy();
        });
      from.pipe(to);
    }
  });
  return () => {
    server.close();
    for (const socket of open) socket.destroy();
  };
}

async function socketInside(argv: readonly string[]): Promise<Server> {
  const [command = "", ...args] = argv;
  // Without this process's own options for Node, which may name an inspector's port.
  const env = { PATH: process.env["PATH"] };
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit", "ipc"], env });
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`no socket in the test machine's network: ${why}`));
    const timer = setTimeout(() => child.kill("SIGKILL"), deadlineMs);
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code, killedBy) => {
      clearTimeout(timer);
      fail(`Node ended with ${code ?? killedBy}`);
    });
    child.once("message", (problem, handle) => {
      if (handle instanceof Server) resolve(handle);
      else fail(JSON.stringify(problem));
      // Only now: until the socket has arrived here, the child must hold it.
      child.disconnect();
    });
  });
}

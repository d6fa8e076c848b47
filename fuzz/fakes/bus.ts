import { createServer, type Server, type Socket } from "node:net";
import { type Answer, type BusScript } from "./bus-script.ts";
import { Call, messageOf, unmarshall } from "./bus-bodies.ts";

const [RETURN, ERROR, SIGNAL] = [2, 3, 4];
const UNIT = "/org/freedesktop/systemd1/unit/web_2eservice";
const JOB = "/org/freedesktop/systemd1/job/7";
type Body = readonly [signature: string, body: readonly unknown[]];

/** A bus at a real socket, which behaves as a script says. */
export class FakeBus {
  readonly #server: Server;
  readonly #peers = new Set<Peer>();
  script: BusScript;
  /** How often somebody has come. */
  connections = 0;

  private constructor(script: BusScript) {
    this.script = script;
    this.#server = createServer((socket) => {
      const peer = new Peer(socket, this.script);
      this.connections += 1;
      this.#peers.add(peer);
      socket.on("close", () => this.#peers.delete(peer));
    });
  }

  static async listen(path: string, script: BusScript): Promise<FakeBus> {
    const bus = new FakeBus(script);
    await new Promise<void>((resolve) => bus.#server.listen(path, resolve));
    return bus;
  }

  hangUp(): void {
    for (const peer of this.#peers) peer.hangUp();
  }

  close(): void {
    this.hangUp();
    this.#server.close();
  }
}

/** One client's connection. */
class Peer {
  readonly #socket: Socket;
  readonly #script: BusScript;
  readonly #asked = new Map<string, number>();
  #received = Buffer.alloc(0);
  #lines = 0;
  #hasBegun = false;
  #calls = 0;
  #serial = 1;
  #sent = 0;

  constructor(socket: Socket, script: BusScript) {
    this.#socket = socket;
    this.#script = script;
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => this.#heard(bytes));
  }

  hangUp(): void {
    this.#socket.destroy();
  }

  #heard(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    if (!this.#hasBegun) this.#greet();
    while (this.#hasBegun) {
      const length = lengthOf(this.#received);
      if (length === null || this.#received.length < length) return;
      const frame = this.#received.subarray(0, length);
      this.#received = this.#received.subarray(length);
      this.#answer(Call.parse(unmarshall(frame)));
    }
  }

  #greet(): void {
    if (this.#received[0] === 0) this.#received = this.#received.subarray(1);
    for (let end = this.#received.indexOf("\n"); end >= 0; end = this.#received.indexOf("\n")) {
      const line = this.#received.subarray(0, end).toString();
      this.#received = this.#received.subarray(end + 1);
      if (line.startsWith("BEGIN")) {
        this.#hasBegun = true;
        return;
      }
      const said = this.#script.greeting[this.#lines] ?? "OK 0123456789abcdef0123456789abcdef\r\n";
      this.#lines += 1;
      if (this.#script.flood > 0) this.#flood((this.#script.flood % 4096) * 1024);
      else this.#socket.write(said);
    }
  }

  #answer(call: Call): void {
    const asked = this.#asked.get(call.member) ?? 0;
    this.#asked.set(call.member, asked + 1);
    const answer = this.#script.answers[call.member]?.[asked];
    this.#send(...this.#answersTo(call, answer));
    this.#calls += 1;
    for (const { after, path, interface: of, member, ...given } of this.#script.signals) {
      if (after !== this.#calls) continue;
      const fields = { type: SIGNAL, serial: this.#next(), path, interface: of, member };
      this.#send(messageOf(fields, given, ["uoss", [7, JOB, "web.service", "done"]]));
    }
    const ended: Body = ["uoss", [7, JOB, "web.service", "done"]];
    const { member } = call;
    if (!/^(Start|Stop|Restart)Unit$/.test(member) || answer !== undefined) return;
    const fields = { type: SIGNAL, serial: this.#next(), path: "/org/freedesktop/systemd1" };
    this.#send(
      messageOf({ ...fields, interface: "org.freedesktop.systemd1.Manager", member: "JobRemoved" }, {}, ended),
    );
  }

  #answersTo(call: Call, answer: Answer | undefined): readonly Buffer[] {
    const fields = { type: RETURN, serial: this.#next(), replySerial: call.serial, sender: ":1.1" };
    const right = bodyFor(call);
    if (answer === undefined) return [messageOf(fields, {}, right)];
    const value = patched(messageOf(fields, answer, right), answer.patch);
    switch (answer.as) {
      case "value":
        return [value];
      case "twice":
        return [value, value];
      case "other":
        return [messageOf({ ...fields, replySerial: call.serial + 1 }, answer, right)];
      case "error":
        return [messageOf({ ...fields, type: ERROR, errorName: answer.name }, answer, ["s", ["it is so"]])];
      case "flood":
        return Array.from({ length: 200 }, () => value);
      case "close":
        this.#socket.destroy();
        return [];
      case "nothing":
        return [];
    }
  }

  #send(...messages: readonly Buffer[]): void {
    const { edits, cut, piece } = this.#script;
    let bytes = Buffer.concat([...messages]);
    for (const { at, drop, add } of edits) {
      const from = at - this.#sent;
      if (from < 0 || from >= bytes.length) continue;
      bytes = Buffer.concat([bytes.subarray(0, from), Buffer.from(add, "latin1"), bytes.subarray(from + drop)]);
    }
    this.#sent += bytes.length;
    const step = piece === 0 ? bytes.length : Math.max(piece, bytes.length / 256);
    for (let at = 0; at < bytes.length; at += step) this.#socket.write(bytes.subarray(at, at + step));
    if (cut > 0 && this.#sent >= cut) this.#socket.end();
  }

  #flood(bytes: number): void {
    const piece = Buffer.alloc(64 * 1024, "x");
    for (let sent = 0; sent < bytes; sent += piece.length) this.#socket.write(piece);
  }

  #next(): number {
    return (this.#serial += 1);
  }
}

function lengthOf(bytes: Buffer): number | null {
  if (bytes.length < 16) return null;
  return 16 + Math.ceil(bytes.readUInt32LE(12) / 8) * 8 + bytes.readUInt32LE(4);
}

function patched(bytes: Buffer, patch: Answer["patch"]): Buffer {
  const [from, to] = patch ?? ["", ""];
  const at = from === "" ? -1 : bytes.indexOf(from, "latin1");
  if (at >= 0) bytes.write(to.slice(0, from.length), at, "latin1");
  return bytes;
}

const PROPERTIES: Readonly<Record<string, readonly [string, unknown]>> = {
  Version: ["s", "257.9-1~deb13u1"],
  FragmentPath: ["s", "/etc/systemd/system/web.service"],
  NeedDaemonReload: ["b", false],
  ActiveEnterTimestamp: ["t", 1_764_000_000_000_000n],
  ActiveEnterTimestampMonotonic: ["t", 1_000_000n],
  ActiveExitTimestampMonotonic: ["t", 0n],
  InactiveExitTimestampMonotonic: ["t", 900_000n],
  Result: ["s", "success"],
  NRestarts: ["u", 0],
  MainPID: ["u", 42],
  UnitsLoadTimestamp: ["t", 1_764_000_000_000_000n],
  UnitsLoadTimestampMonotonic: ["t", 1_000n],
};

/** What systemd and the bus say. */
function bodyFor({ member, body }: Call): Body {
  switch (member) {
    case "Hello":
      return ["s", [":1.42"]];
    case "Get":
      return ["v", [PROPERTIES[String(body[1])] ?? ["s", ""]]];
    case "NameHasOwner":
      return ["b", [true]];
    case "GetUnitFileState":
      return ["s", ["enabled"]];
    case "ListUnitsByNames": {
      const names = Array.isArray(body[0]) ? body[0].map(String) : [];
      return ["a(ssssssouso)", [names.map((name) => [name, "", "loaded", "active", "running", "", UNIT, 0, "", "/"])]];
    }
    case "EnableUnitFiles":
      return ["ba(sss)", [true, []]];
    case "DisableUnitFiles":
    case "MaskUnitFiles":
    case "UnmaskUnitFiles":
      return ["a(sss)", [[]]];
    case "StartUnit":
    case "StopUnit":
    case "RestartUnit":
      return ["o", [JOB]];
    default:
      return ["", []];
  }
}

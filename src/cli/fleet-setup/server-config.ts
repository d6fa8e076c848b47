import { AgentId, askedSubjects } from "../../wire/keys.ts";
import {
  agentGrant,
  agentServices,
  EVERY_HINT,
  type Grant,
  type Guest,
  GUESTS,
  guestGrant,
  guestServices,
} from "../../wire/nats/grants.ts";
import type { UserKey } from "../../wire/nats/nkey.ts";
import { userInbox } from "../../wire/nats/credentials.ts";
import type { FleetDescription } from "./description.ts";

/** Where the server finds its files; absolute paths. */
export interface ServerFiles {
  readonly certificate: string;
  readonly key: string;
  readonly store: string;
  /** Where it writes its process id, for whoever changes this configuration. */
  readonly pid: string;
}

const CONTROL = "CONTROL";
/** The account of the agents. */
export const EDGE = "EDGE";
/** Each role has an account of its own: whoever may only read shares none with a right to write. */
export const ACCOUNTS: Readonly<Record<Guest, string>> = {
  author: "AUTHORS",
  viewer: "VIEWERS",
  dashboard: "DASHBOARDS",
};

/** Of agents, by those who may write what they do: a log holds more than what the others are told. */
const ASKED = askedSubjects("*");

/** Everything that nats-server has to be told, for a server of the fleet's own. */
export const serverConfig = (
  fleet: FleetDescription,
  files: ServerFiles,
): string => `# Made by harmony from fleet.json; made anew by each "harmony fleet accept" and "revoke".
listen: ${quoted(address(fleet.listen))}
tls {
  cert_file: ${quoted(files.certificate)}
  key_file: ${quoted(files.key)}
  timeout: 5
}
pid_file: ${quoted(files.pid)}
jetstream {
  store_dir: ${quoted(files.store)}
}
max_payload: 1MB
max_control_line: 4KB
max_subscriptions: 1024
write_deadline: "10s"
${accountsConfig(fleet)}`;

/** The accounts and users alone, for a server that is there already. */
export const accountsConfig = (fleet: FleetDescription): string => `system_account: SYS
accounts {
  SYS {
    users: [{ nkey: ${fleet.keys.system} }]
  }
${account(CONTROL, {
  first: "jetstream: enabled",
  users: [`{ nkey: ${fleet.keys.operator} }`],
  exports: [
    ...exportedServices(),
    `{ stream: ${quoted(EVERY_HINT)}, accounts: [${[EDGE, ...Object.values(ACCOUNTS)].join(", ")}] }`,
  ],
  imports: ASKED.map((subject) => service(EDGE, subject)),
})}
${account(EDGE, {
  users: Object.entries(fleet.agents).flatMap(([id, { key, pair, ended, next }]) =>
    [...(ended ? [] : [key]), ...(next === undefined ? [] : [next.key])].map((each) =>
      user(each, agentGrant(AgentId.parse(id), pair ?? null)),
    ),
  ),
  exports: ASKED.map((subject) => `{ service: ${quoted(subject)}, accounts: [${CONTROL}, ${ACCOUNTS.author}] }`),
  imports: [...agentServices("*").map((subject) => service(CONTROL, subject)), HINTS],
})}
${GUESTS.map((guest) =>
  account(ACCOUNTS[guest], {
    users: keysOf(fleet, guest).map((key) => user(key, guestGrant(guest, userInbox(key)))),
    exports: [],
    imports: [
      ...guestServices[guest].map(({ there, here }) => service(CONTROL, there, here)),
      HINTS,
      ...(guest === "author" ? ASKED.map((subject) => service(EDGE, subject)) : []),
    ],
  }),
).join("\n")}
}
`;

/** Those that are let in now. */
function keysOf({ keys, people }: FleetDescription, guest: Guest): readonly UserKey[] {
  const { ended, former } = people?.[guest] ?? {};
  return [...(ended ? [] : [keys[guest]]), ...(former === undefined ? [] : [former.key])];
}

/** Each subject once, with all the accounts that may ask on it. */
function exportedServices(): readonly string[] {
  const askers = new Map<string, string[]>();
  const offer = (to: string, subjects: readonly string[]): void => {
    for (const subject of subjects) askers.set(subject, [...(askers.get(subject) ?? []), to]);
  };
  offer(EDGE, agentServices("*"));
  for (const guest of GUESTS) {
    offer(
      ACCOUNTS[guest],
      guestServices[guest].map(({ there }) => there),
    );
  }
  return [...askers].map(([subject, to]) => `{ service: ${quoted(subject)}, accounts: [${to.join(", ")}] }`);
}

interface Account {
  readonly first?: string;
  readonly users: readonly string[];
  readonly exports: readonly string[];
  readonly imports: readonly string[];
}

const account = (name: string, { first, users, exports, imports }: Account): string =>
  [
    `  ${name} {`,
    ...(first === undefined ? [] : [`    ${first}`]),
    ...list("users", users),
    ...list("exports", exports),
    ...list("imports", imports),
    "  }",
  ].join("\n");

const list = (name: string, entries: readonly string[]): readonly string[] =>
  entries.length === 0 ? [] : [`    ${name}: [`, ...entries.map((entry) => `      ${entry}`), "    ]"];

const service = (from: string, subject: string, here = subject): string =>
  `{ service: { account: ${from}, subject: ${quoted(subject)} }${here === subject ? "" : `, to: ${quoted(here)}`} }`;
const HINTS = `{ stream: { account: ${CONTROL}, subject: ${JSON.stringify(EVERY_HINT)} } }`;

const user = (key: UserKey, { publish, subscribe, responds }: Grant): string =>
  `{ nkey: ${key}, permissions: { publish: { allow: [${publish.map(quoted).join(", ")}] }, ` +
  `subscribe: { allow: [${subscribe.map(quoted).join(", ")}] }` +
  `${responds ? ', allow_responses: { max: 1, expires: "60s" }' : ""} } }`;

const quoted = (text: string): string => JSON.stringify(text);

const address = ({ address: host, port }: FleetDescription["listen"]): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

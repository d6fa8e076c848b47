import { createPublicKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import * as z from "zod";
import { readPolicy } from "../../wire/device-policy.ts";
import { AgentId } from "../../wire/keys.ts";
import { type PolicyKeys, PolicyStatement, readSignedPolicy, signPolicy } from "../../wire/signed-policy.ts";
import { type AddCommand, examples, several, word } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { printJson } from "../session.ts";
import { readSigners, signOption } from "../sign-option.ts";

const Target = z.union([AgentId, z.literal("*")], { error: 'an agent\'s id, or "*"' });
const Serial = z
  .string()
  .regex(/^[1-9]\d{0,14}$/, "a serial is a whole number above 0")
  .transform(Number);
const At = z
  .string()
  .refine((text) => !Number.isNaN(Date.parse(text)), "a time is as in 2027-01-31T00:00:00Z")
  .transform((text) => new Date(text).toISOString());

const SignOptions = z.object({
  agent: Target,
  sign: z.array(z.string()).default([]),
  serial: z.number().optional(),
  notAfter: z.string().optional(),
});
const VerifyOptions = z.object({ agent: AgentId.optional(), policyKey: z.array(z.string()).default([]) });

/** Policies that are signed, for agents that were started with `--policy-key` and `--signed-policy`. */
export const addPolicy: AddCommand = (program, run) => {
  const policy = program
    .command("policy")
    .summary("policies of devices that are signed (sign, verify)")
    .description("Signs policies for devices that trust a policy key, and looks at what was signed.");

  policy
    .command("sign")
    .summary("signs a policy")
    .description(
      "Signs a policy and writes the document to standard output. Bring it to the devices' --signed-policy FILE in " +
        "whatever way, by a File Score too: it can make them stricter than their own policy, and never looser.",
    )
    .argument("<FILE>", "the policy, as for harmony agent run --policy")
    .requiredOption("--agent <ID>", 'whom it is for; "*": every agent that trusts the key', word(Target))
    .addOption(signOption())
    .option("--serial <N>", "above the one before (default: the seconds since 1970)", word(Serial))
    .option("--not-after <TIME>", "agents take it until then; one that has taken it keeps it", word(At))
    .addHelpText(
      "after",
      examples(
        'harmony policy sign policy.json --agent "*" --sign owner=owner.pem > signed-policy.json',
        "harmony policy sign policy.json --agent pi-7 --sign owner=owner.pem --serial 12",
      ),
    )
    .action(
      run(async (session, args, given) => {
        const [file] = z.tuple([z.string()]).parse(args);
        const { agent, sign, serial, notAfter } = SignOptions.parse(given);
        const { io, complain } = session;
        if (sign.length === 0) {
          complain("--sign KEYNAME=FILE is missing", "Agents take only what a key signed that they were given.");
          return EXIT.usage;
        }
        const bytes = await readFile(resolve(io.cwd, file)).catch((error: unknown) => String(error));
        const read = typeof bytes === "string" ? { _tag: "Unusable" as const, message: bytes } : readPolicy(bytes);
        if (read._tag === "Unusable") {
          complain(`${file} is no policy: ${read.message}`, "docs/security.md tells what one holds.");
          return EXIT.usage;
        }
        const signers = await readSigners(session, sign);
        if (signers === null) return EXIT.usage;
        const now = new Date();
        const statement = PolicyStatement.parse({
          agent,
          serial: serial ?? Math.floor(now.getTime() / 1000),
          issuedAt: now.toISOString(),
          ...(notAfter === undefined ? {} : { notAfter }),
          rules: read.rules,
        });
        printJson(session, signPolicy(statement, signers));
        return EXIT.done;
      }),
    );

  policy
    .command("verify")
    .summary("looks whether a signed policy would be taken")
    .description("Prints what a signed policy says, where a key that is named here has signed it; else tells why not.")
    .argument("<FILE>", "the signed policy")
    .option("--policy-key <NAME=FILE>", "trust this Ed25519 public key (PEM); may be repeated", several)
    .option("--agent <ID>", "as this agent", word(AgentId))
    .addHelpText("after", examples("harmony policy verify signed-policy.json --policy-key owner=owner.pub"))
    .action(
      run(async (session, args, given) => {
        const [file] = z.tuple([z.string()]).parse(args);
        const { agent = null, policyKey } = VerifyOptions.parse(given);
        const { io, complain } = session;
        try {
          const keys = await publicKeys(policyKey, io.cwd);
          const bytes = await readFile(resolve(io.cwd, file));
          const judged = readSignedPolicy(bytes, { keys, agentId: agent, before: null, now: new Date() });
          if (judged._tag === "Taken") {
            printJson(session, { ...judged.policy.statement, key: judged.policy.key });
            return EXIT.done;
          }
          complain(`${file}: ${judged.refusal.reason}: ${judged.refusal.message}`);
          return EXIT.finding;
        } catch (error) {
          complain(
            error instanceof Error ? error.message : String(error),
            "--policy-key is NAME=FILE, a public key in PEM.",
          );
          return EXIT.usage;
        }
      }),
    );
};

async function publicKeys(given: readonly string[], cwd: string): Promise<PolicyKeys> {
  const read = given.map(async (each) => {
    const [, name = "", file = ""] = /^([^=]+)=(.+)$/.exec(each) ?? [];
    return [name, createPublicKey(await readFile(resolve(cwd, file)))] as const;
  });
  return new Map(await Promise.all(read));
}

import { resolve } from "node:path";
import * as z from "zod";
import { assetsIn } from "../../wire/assets-in.ts";
import { type Bundle, readBundle } from "../../wire/bundle.ts";
import { encode, inlineEnvelope } from "../../wire/encode.ts";
import { type Envelope, PAYLOAD_LIMIT_BYTES } from "../../wire/envelope.ts";
import { AgentId } from "../../wire/keys.ts";
import { sign as signPayload } from "../../wire/signature.ts";
import { bundleIn } from "../bundle-file.ts";
import { type AddCommand, agentId, examples, generation } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { messageOption } from "../message-option.ts";
import { writeWhole } from "../write-whole.ts";
import { manifestOrCode } from "../manifest-file.ts";
import { visible } from "../paint.ts";
import { printJson, type Session } from "../session.ts";
import { readSigners, type Signer, signOption } from "../sign-option.ts";

const Options = z.object({
  agent: AgentId.optional(),
  generation: z.number().optional(),
  output: z.string().optional(),
  retryFailed: z.boolean().default(false),
  message: z.string().optional(),
  sign: z.array(z.string()).default([]),
});
type Options = z.infer<typeof Options>;
type Signed = Pick<Bundle, "payload"> & { readonly signatures: Envelope["signatures"] };

/** As many as an envelope holds. */
const MOST_SIGNATURES = 16;

export const addSign: AddCommand = (program, run) => {
  program
    .command("sign")
    .summary("signs a manifest into a bundle, with no server")
    .description(
      "Makes a bundle of the manifest in FILE: its exact text for one agent, with signatures. Or adds signatures to the bundle " +
        "in FILE. harmony apply ships a bundle; harmony agent take hands it to a device that has no server.",
    )
    .argument("<FILE>", "TypeScript or JavaScript whose default export was made by manifest(), or a bundle")
    .option("--agent <ID>", "the agent that it is for", agentId)
    .option("--generation <N>", "above the one that the device has (default: 1, for one that has none)", generation)
    .option("--retry-failed", "try again what failed for good, although its content is the same")
    .addOption(messageOption())
    .option("-o, --output <FILE>", "where the bundle goes (default: standard output)")
    .addOption(signOption())
    .addHelpText(
      "after",
      examples(
        "harmony sign kiosk.ts --agent pi-7 --generation 8 --sign ada=ada.pem -o bundle.json",
        "harmony sign bundle.json --sign ben=ben.pem -o bundle.json",
      ),
    )
    .action(
      run(async (session, args, given) => {
        const [file] = z.tuple([z.string()]).parse(args);
        const options = Options.parse(given);
        const signers = await readSigners(session, options.sign);
        if (signers === null) return EXIT.usage;
        if (signers.length === 0) {
          session.complain("--sign is missing", "Name who signs, and the private key: --sign ada=ada.pem");
          return EXIT.usage;
        }
        const bundle = await bundleIn(session, file);
        if (bundle === "Unreadable") return EXIT.usage;
        const signed =
          bundle === null
            ? await fresh(session, file, options, signers)
            : again(session, file, bundle, options, signers);
        return typeof signed === "number" ? signed : hand(session, signed, options);
      }),
    );
};

async function fresh(
  session: Session,
  file: string,
  { agent, generation: number = 1, retryFailed, message }: Options,
  signers: readonly Signer[],
): Promise<Signed | ExitCode> {
  const { complain } = session;
  if (agent === undefined) {
    complain("--agent is missing", "A manifest is signed for one agent, and any other refuses it: --agent ID");
    return EXIT.usage;
  }
  const manifest = await manifestOrCode(session, file);
  if (typeof manifest === "number") return manifest;
  const issuedAt = new Date();
  const encoded = encode(manifest, { agentId: agent, generation: number, issuedAt, retryFailed, message, signers });
  if (encoded._tag === "Encoded") return encoded;
  complain(
    encoded._tag === "Lacking"
      ? encoded.sentences.join("; ")
      : `the manifest is ${encoded.bytes} bytes, the most that an agent reads is ${encoded.limit}`,
  );
  return EXIT.finding;
}

/** The text stays byte for byte; who has signed it before stands in it still. */
function again(
  { complain }: Session,
  file: string,
  bundle: Bundle,
  { agent, generation: number, retryFailed, message }: Options,
  signers: readonly Signer[],
): Signed | ExitCode {
  if (bundle._tag === "Status") {
    complain(`${file} holds a status, which its own device has signed`);
    return EXIT.usage;
  }
  const { payload, signatures, manifest } = bundle;
  const stray = number !== undefined ? "--generation" : retryFailed ? "--retry-failed" : message && "--message";
  if (stray) {
    complain(
      `${stray} is for a manifest that nobody has signed yet; in ${file} it stands fast`,
      "Make a new bundle of the manifest's FILE.",
    );
    return EXIT.usage;
  }
  if (agent !== undefined && agent !== manifest.agentId) {
    complain(`${file} is for agent ${manifest.agentId}, not ${agent}`);
    return EXIT.finding;
  }
  const names = new Set(signers.map(({ key }) => key));
  const others = signatures.filter(({ key }) => !names.has(key));
  const all = [...others, ...signers.map(({ key, privateKey }) => signPayload(payload, key, privateKey))];
  if (all.length <= MOST_SIGNATURES) return { payload, signatures: all };
  complain(`${all.length} signatures, at most ${MOST_SIGNATURES}`);
  return EXIT.finding;
}

async function hand(session: Session, { payload, signatures }: Signed, { output }: Options): Promise<ExitCode> {
  const { io, say, complain } = session;
  const bytes = inlineEnvelope(payload, signatures);
  if (bytes.length > PAYLOAD_LIMIT_BYTES) {
    complain(`the bundle is ${bytes.length} bytes, the most that is read is ${PAYLOAD_LIMIT_BYTES}`);
    return EXIT.finding;
  }
  const read = readBundle(bytes);
  if (read._tag !== "Manifest") throw new Error("what was just signed is no bundle");
  if (output === undefined) io.out(`${Buffer.from(bytes).toString()}\n`);
  else {
    try {
      await writeWhole(resolve(io.cwd, output), `${Buffer.from(bytes).toString()}\n`);
    } catch (error) {
      complain(`${output} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
      return EXIT.finding;
    }
  }
  const { agentId: id, generation: number, issuedAt, scores } = read.manifest;
  const assets = assetsIn(payload).size;
  const signedBy = signatures.map(({ key }) => key);
  const ids = Object.keys(scores);
  if (session.json && output !== undefined) {
    printJson(session, { agentId: id, generation: number, issuedAt, scores: ids, signedBy, file: output });
  }
  if (!session.json) {
    const what = ids.length === 0 ? "no Scores, which removes everything" : `Scores ${ids.join(", ")}`;
    say(visible(`generation ${number} of ${id}, issued at ${issuedAt}, ${what}, signed by ${signedBy.join(", ")}`));
    if (assets > 0) {
      say(`It names ${assets === 1 ? "an asset" : `${assets} assets`}; harmony asset put FILE uploads one.`);
    }
    if (output !== undefined) say(`It is in ${output}; harmony verify tells what a device will say to it.`);
  }
  return EXIT.done;
}

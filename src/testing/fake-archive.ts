import { PortError } from "../capabilities/port-error.ts";
import type { ImageArchive } from "../capabilities/container-runtime.ts";

/** What devices in memory are built for. */
const ARCHITECTURE = "arm64";

/** The bytes of an archive as runtimes in memory read it: the digests of its images, and what they are built for. */
export const fakeArchive = (digests: readonly string[], architecture = ARCHITECTURE): Uint8Array =>
  new TextEncoder().encode(["archive", architecture, ...digests].join("\n"));

/** The digest of the one image that is in it. */
export async function imageIn(archive: ImageArchive): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of archive.pieces()) text += decoder.decode(piece, { stream: true });
  const [what, architecture, ...digests] = text.trimEnd().split("\n");
  const [digest] = digests;
  if (what !== "archive" || digest === undefined) throw invalid("it is no archive of an image");
  if (digests.length > 1) throw invalid(`it holds ${digests.length} images`);
  if (architecture !== ARCHITECTURE) {
    throw invalid(`its image is for ${architecture}, and this device is ${ARCHITECTURE}`);
  }
  return digest;
}

const invalid = (why: string): PortError =>
  new PortError({
    code: "Invalid",
    blame: "author",
    message: `Loading an image failed: ${why}.`,
    next: "Make the archive anew, of one image for this device.",
    retryable: false,
  });

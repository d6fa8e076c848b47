/**
 * One thing outside of itself that a Score touches on the device, as far as its spec tells. A device's policy is judged by
 * these alone; see docs/adr/050-device-policy.md.
 */
export type Reach =
  /** Of the host: what is written there, or handed to something that may write it. Absolute, as the author wrote it. */
  | { readonly _tag: "path"; readonly path: string }
  /** The full name of a unit that is made, changed, started or stopped. */
  | { readonly _tag: "unit"; readonly unit: string }
  /** An image as it is written in the spec, with its registry. */
  | { readonly _tag: "image"; readonly image: string }
  /** An image of no registry, in an archive of this sha256 that comes as an asset. */
  | { readonly _tag: "imageArchive"; readonly asset: string }
  /** Bytes of content that the spec itself carries onto the disk. */
  | { readonly _tag: "content"; readonly bytes: number }
  /**
   * Something of the author's choice is run on the host itself, and whatever its user can reach, it can. `unit`: the unit that
   * it runs as, which is among these too; null where it is none that the author names.
   */
  | { readonly _tag: "program"; readonly what: string; readonly unit: string | null };

/** The registry and the repository of an image, without tag and digest: `ghcr.io/acme/web`. */
export function repositoryOf(image: string): string {
  const bare = image.replace(/@.*$/s, "").replace(/:[^/:]*$/, "");
  const [host = "", ...rest] = bare.split("/");
  // What names no registry comes from Docker's.
  const isHost = rest.length > 0 && (host === "localhost" || /[.:]/.test(host));
  return isHost ? bare : `docker.io/${rest.length > 0 ? bare : `library/${bare}`}`;
}

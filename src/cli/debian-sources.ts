/** One place that serves Debian's main archive, as the machine's own apt configuration names it. */
export interface DebianMirror {
  readonly uri: string;
  /** The keyring that the configuration names for it, if it names one by path. */
  readonly signedBy: string | undefined;
}

/**
 * Reads the mirrors of Debian's main archive out of apt configuration, so that a fetch goes where the
 * machine's owner already lets it go and no address is written into this project.
 *
 * @param files the texts of sources.list and of sources.list.d/*, each with its name (its ending tells the format)
 * @param codename the machine's release, "bookworm"; entries of its security, updates and foreign suites do not count
 */
export function debianMirrors(
  files: readonly { readonly name: string; readonly text: string }[],
  codename: string,
): readonly DebianMirror[] {
  const suites = new Set([codename, "stable", "testing", "unstable", "sid"]);
  const entries = files.flatMap(({ name, text }) => {
    if (name.endsWith(".sources")) return stanzas(text);
    return name.endsWith(".list") ? oneLiners(text) : [];
  });
  const mirrors = new Map<string, DebianMirror>();
  for (const { types, uris, suites: offered, components, signedBy } of entries) {
    if (!types.includes("deb") || !components.includes("main")) continue;
    if (!offered.some((suite) => suites.has(suite))) continue;
    for (const uri of uris) if (!mirrors.has(uri)) mirrors.set(uri, { uri, signedBy });
  }
  return [...mirrors.values()];
}

interface Entry {
  readonly types: readonly string[];
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly signedBy: string | undefined;
}

/** `deb [signed-by=/path arch=amd64] URI SUITE COMPONENT...` */
function oneLiners(text: string): Entry[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*(deb|deb-src)\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line);
    if (match === null) return [];
    const [, type = "", options = "", uri = "", suite = "", components = ""] = match;
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1];
    return [{ types: [type], uris: [uri], suites: [suite], components: words(components), signedBy: path(signedBy) }];
  });
}

/** The deb822 format: stanzas of `Field: value`, where indented lines go on with the value. */
function stanzas(text: string): Entry[] {
  const withoutComments = text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n");
  return withoutComments.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = new Map<string, string>();
    for (const [, name = "", value = ""] of stanza.matchAll(/^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)/gm)) {
      fields.set(name.toLowerCase(), value.trim());
    }
    if (/^(no|false|off|0)$/i.test(fields.get("enabled") ?? "yes")) return [];
    return [
      {
        types: words(fields.get("types")),
        uris: words(fields.get("uris")),
        suites: words(fields.get("suites")),
        components: words(fields.get("components")),
        signedBy: path(fields.get("signed-by")),
      },
    ];
  });
}

function words(value: string | undefined): string[] {
  return (value ?? "").split(/\s+/).filter((word) => word !== "");
}

/** A keyring may also stand inline in the field; only a path can be handed on. */
function path(signedBy: string | undefined): string | undefined {
  return signedBy?.startsWith("/") === true && !/\s/.test(signedBy) ? signedBy : undefined;
}

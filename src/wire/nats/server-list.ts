/** The servers that a flag or an environment variable names, with commas between them. */
export const serverList = (text: string): readonly string[] => text.split(",").map((each) => each.trim());

/** Whether it is written `nats://HOST:PORT` or `tls://HOST:PORT`; the first of these may be left out. */
export function isServer(text: string): boolean {
  const url = text.includes("://") ? text : `nats://${text}`;
  return URL.canParse(url) && /^(nats|tls):$/.test(new URL(url).protocol) && new URL(url).host !== "";
}

// expect 7:44 TS2561 'contents' does not exist in type
// expect 8:47 TS2353 'backup' does not exist in type
// expect 10:35 TS2741|TS2345 Property 'content' is missing in type '{ path: string; }'
import { DirectoryScore, FileScore, manifest, PiTopology } from "harmony-edge";

export default manifest(PiTopology, {
  motd: new FileScore({ path: "/etc/motd", contents: "hello\n" }),
  www: new DirectoryScore({ path: "/srv/www", backup: true }),
});
export const half = new FileScore({ path: "/etc/motd" });

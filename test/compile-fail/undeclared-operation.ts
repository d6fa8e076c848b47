// What a device's own, narrower topology does not declare. Only the Score that needs it is marked.
// expect 8:3 TS2322 Type 'FirewallPortsScore' is not assignable to type '"FirewallPortsScore requires PacketFilter, which Kiosk lacks"'.
import { FileScore, FileSystemHost, FirewallPortsScore, manifest, SystemdHost, topology } from "harmony-edge";

const Kiosk = topology("Kiosk", [FileSystemHost, SystemdHost]);
export default manifest(Kiosk, {
  page: new FileScore({ path: "/srv/page", content: "hello\n" }),
  wall: new FirewallPortsScore({ name: "kiosk", ports: [{ port: 80 }] }),
});

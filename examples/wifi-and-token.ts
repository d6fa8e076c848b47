// Secrets: named here, given when it is shipped, and sealed for the one device that is to have them.
//
//   harmony apply examples/wifi-and-token.ts --agent pi-7 --secrets ./secrets
//
// takes them from the files ./secrets/wifi-psk and ./secrets/api-token; docs/operating.md tells of the key that they are
// sealed for.
import { FileScore, manifest, PiTopology, secret, SystemdServiceScore } from "harmony-edge";

export default manifest(PiTopology, {
  // Mode 0400: for root alone.
  psk: new FileScore({ path: "/etc/wifi.psk", content: secret("wifi-psk") }),

  // It finds the token in the file $CREDENTIALS_DIRECTORY/token, as the user that it runs as, and nobody else does.
  gateway: new SystemdServiceScore({
    name: "gateway",
    exec: ["/usr/local/bin/gateway"],
    user: "nobody",
    credentials: { token: secret("api-token") },
  }),
});

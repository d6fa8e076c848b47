import type { NetworkConfigurator } from "../../../capabilities/network-configurator.ts";
import { type Adapter, ofMachine } from "../../linked.ts";
import { HostNetwork } from "../host-network.ts";
import { natsAnswers } from "../nats-answers.ts";

export const networkConfigurator: Adapter<NetworkConfigurator> = (host) => {
  const { files, servers, statePath } = host;
  const network = new HostNetwork({ files, reachable: natsAnswers(() => servers), notesPath: `${statePath}/network` });
  return ofMachine(host, "NetworkConfigurator", network);
};

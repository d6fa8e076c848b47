import type { PacketFilter } from "../../../capabilities/packet-filter.ts";
import { type Adapter, ofMachine } from "../../linked.ts";
import { NftPacketFilter } from "../nft-packet-filter.ts";

export const packetFilter: Adapter<PacketFilter> = (host) => ofMachine(host, "PacketFilter", new NftPacketFilter());

import { connect } from "nats";
import { natsServer } from "../../support/nats-server.ts";
import { storeContract } from "../store.contract.ts";
import { connectedForLong } from "./connected.ts";
import { RestartableServer } from "./restartable-server.ts";

storeContract(
  async () => {
    const server = await RestartableServer.start();
    const admin = await connectedForLong({ servers: server.url, name: "contract" });
    await admin.ensureBuckets();
    return {
      client: async () => connectedForLong({ servers: server.url }),
      bare: async () => connectedForLong({ servers: (await natsServer()).url }),
      cut: async () => server.kill(),
      restore: async () => server.restart(),
      corruptAsset: async (sha256) => {
        const connection = await connect({ servers: server.url });
        const assets = await connection.jetstream().views.os("assets");
        await assets.putBlob({ name: sha256 }, new Uint8Array([1]));
        await connection.close();
      },
      stop: async () => {
        await admin.close();
        await server.stop();
      },
    };
  },
  { runs: 15 },
);

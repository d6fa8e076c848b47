import { fileSystemHostContract } from "../../capabilities/file-system-host.contract.ts";
import { AGENT_IS_ROOT, realStage } from "../../capabilities/file-system-host/real-stage.ts";

fileSystemHostContract("NodeFileSystem", {
  open: () => realStage(),
  agent: AGENT_IS_ROOT ? { owner: "root", group: "root" } : { owner: "agent", group: "agent" },
  noOwners: AGENT_IS_ROOT ? undefined : "only root may change owners",
});

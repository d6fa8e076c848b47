import { PortError } from "../capabilities/port-error.ts";
import type { ApplyContext, Assets, Context } from "./context.ts";
import { NO_SECRETS, type Secrets } from "./secret.ts";

type Looking = Omit<Context, "secrets"> & { readonly secrets?: Secrets };

/** What `apply` is handed: as for a look, which may bring nothing to the device, and the assets. */
export const acting = (context: Looking, assets: Assets = noAssets): ApplyContext => ({
  get signal() {
    return context.signal;
  },
  clock: context.clock,
  log: context.log,
  secrets: context.secrets ?? NO_SECRETS,
  assets,
});

const none = (): PortError =>
  new PortError({
    code: "Unsupported",
    blame: "platform",
    message: "Whoever interprets this Score has no assets to give it.",
    next: "Send it to an agent, or give it a content that it carries itself.",
  });

const noAssets: Assets = {
  fetch: () => Promise.reject(none()),
  read: () => {
    throw none();
  },
};

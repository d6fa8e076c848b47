import { PortError } from "../capabilities/port-error.ts";

/** Whoever wanted it does not wait for it any more. */
export const calledOff = (): PortError =>
  new PortError({
    code: "TimedOut",
    blame: "platform",
    message: "It was called off before it was done.",
    next: "Nothing: the agent goes on with it by itself.",
  });

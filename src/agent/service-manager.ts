/** What supervises the agent's process, as far as it asks to be told. */
export interface ServiceManager {
  /** It ends and starts the agent anew when it has heard nothing for so long; null where it does not wait for that. */
  readonly watchdogMs: number | null;
  /** `READY=1`, `STATUS=...`: see sd_notify(3). Never throws: a manager that does not listen is no reason to fail. */
  tell(state: Readonly<Record<string, string>>): void;
}

import type { PackageManager } from "../../../capabilities/package-manager.ts";
import { type Adapter, ofMachine } from "../../linked.ts";
import { AptPackageManager } from "../apt-package-manager.ts";

export const packageManager: Adapter<PackageManager> = (host) =>
  ofMachine(host, "PackageManager", new AptPackageManager());

import { constants } from "node:os";
import { describe, expect, it } from "vitest";
import { asPortError } from "../../../src/agent/adapters/file-system-errors.ts";
import { PortError } from "../../../src/capabilities/index.ts";

const failure = (code: string) => Object.assign(new Error(`${code}: no`), { code, errno: -1 });

describe("an error of the operating system", () => {
  it.each([
    ["EACCES", "NotPermitted", "device"],
    ["EPERM", "NotPermitted", "device"],
    ["ENOSPC", "NoSpace", "device"],
    ["EDQUOT", "NoSpace", "device"],
    ["EROFS", "ReadOnly", "device"],
    ["ENOENT", "NotFound", "author"],
    ["EISDIR", "Obstructed", "device"],
    ["ENOTEMPTY", "Obstructed", "device"],
    ["EEXIST", "Obstructed", "device"],
    ["ENOTDIR", "Obstructed", "device"],
    ["ELOOP", "Obstructed", "device"],
    ["EBUSY", "Busy", "device"],
    ["ENAMETOOLONG", "Invalid", "author"],
    ["EIO", "Failed", "device"],
  ])("%s is told as %s, blamed on the %s", (errno, code, blame) => {
    const cause = failure(errno);
    const error = asPortError(cause, "Writing the file", "/etc/motd");
    if (!(error instanceof PortError)) throw new Error("it became no PortError");
    expect(error.problem).toMatchObject({ code, blame, retryable: code !== "Invalid" });
    expect(error.cause).toBe(cause);
  });

  it.each(Object.keys(constants.errno))("%s is told in full sentences that name the path and the error", (errno) => {
    const error = asPortError(failure(errno), "Writing the file", "/etc/motd");
    if (!(error instanceof PortError)) throw new Error("it became no PortError");
    expect(error.problem.message).toMatch(new RegExp(`^Writing the file /etc/motd failed: [^.]+ \\(${errno}\\)\\.$`));
    expect(error.problem.next).toMatch(/^[A-Z].*\/etc\/motd.*\.$/);
  });

  it("is told apart from a bug, and is not told twice", () => {
    const bug = new TypeError("a bug");
    expect(asPortError(bug, "Reading", "/f")).toBe(bug);
    expect(asPortError("text", "Reading", "/f")).toBe("text");
    const known = asPortError(failure("EIO"), "Reading", "/f");
    expect(asPortError(known, "Watching", "/g")).toBe(known);
  });
});

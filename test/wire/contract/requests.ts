import { describe, expect, test } from "vitest";
import { bytes, comparable, freshKey, settled, text, type Scene } from "./scene.ts";

/** Asking and answering. */
export function requestContract({ client }: Scene): void {
  describe("serve and request", () => {
    test("a request is answered until the handler is taken away", async () => {
      const [server, asker] = [await client(), await client()];
      const subject = `test.echo.${freshKey()}`;
      expect(await asker.request(subject, bytes("1"))).toEqual({ _tag: "NobodyThere" });
      const stop = server.serve(subject, async (request) => bytes(`${text(request)}!`));
      await settled(server);
      const replies = await Promise.all(["a", "b", "c"].map(async (body) => asker.request(subject, bytes(body))));
      expect(replies.map(comparable)).toEqual(
        ["a!", "b!", "c!"].map((body) => ({ _tag: "Reply", value: bytes(body) })),
      );
      stop();
      await settled(server);
      expect(await asker.request(subject, bytes("1"))).toEqual({ _tag: "NobodyThere" });
    });

    test("a handler that throws answers nothing, and goes on serving", async () => {
      const [server, asker] = [await client(), await client()];
      const subject = `test.throws.${freshKey()}`;
      server.serve(subject, async (request) => {
        if (text(request) === "throw") throw new Error("a bug of the handler");
        return request;
      });
      await settled(server);
      const silence = await asker.request(subject, bytes("throw"), { timeoutMs: 100 });
      expect(silence).toMatchObject({ _tag: "Unreachable", reason: "TimedOut" });
      expect(await asker.request(subject, bytes("go on"))).toMatchObject({ _tag: "Reply" });
    });

    test("a reply that is too large is no reply", async () => {
      const [server, asker] = [await client(), await client()];
      const subject = `test.large.${freshKey()}`;
      server.serve(subject, async () => new Uint8Array(server.maxPayload() + 1));
      await settled(server);
      const silence = await asker.request(subject, bytes(""), { timeoutMs: 100 });
      expect(silence).toMatchObject({ _tag: "Unreachable", reason: "TimedOut" });
    });

    test("a subject with a wildcard or white space is refused", async () => {
      const store = await client();
      for (const subject of ["", "a.*", "a.>", "a b", "a..b", "a\r\n"]) {
        expect(await store.request(subject, bytes(""))).toMatchObject({ _tag: "Unreachable", reason: "Failed" });
        expect(() => store.serve(subject, async (request) => request)).toThrow(TypeError);
      }
    });
  });
}

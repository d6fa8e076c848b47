import { expect, test } from "vitest";
import { SystemdJobs } from "../../../src/agent/adapters/systemd-jobs.ts";

const never = new AbortController().signal;

test("a job that two wait for ends for both, as systemd makes one of two orders that are alike", async () => {
  const jobs = new SystemdJobs();
  const both = [jobs.end("/job/7", never, "Starting web.service"), jobs.end("/job/7", never, "Starting web.service")];
  jobs.ended("/job/8", "failed");
  jobs.ended("/job/7", "done");
  expect(await Promise.all(both)).toEqual(["done", "done"]);
});

test("a job that is over before anybody asks for it is known to all who do", async () => {
  const jobs = new SystemdJobs();
  jobs.ended("/job/7", "failed");
  expect(await jobs.end("/job/7", never, "Starting web.service")).toBe("failed");
  expect(await jobs.end("/job/7", never, "Starting web.service")).toBe("failed");
});

test("one who gives up on a job leaves it to the others", async () => {
  const jobs = new SystemdJobs();
  const impatient = new AbortController();
  const first = jobs.end("/job/7", impatient.signal, "Starting web.service");
  const second = jobs.end("/job/7", never, "Starting web.service");
  impatient.abort();
  await expect(first).rejects.toThrow("Starting web.service");
  jobs.ended("/job/7", "done");
  expect(await second).toBe("done");
});

test("all who wait are told when the connection was lost", async () => {
  const jobs = new SystemdJobs();
  const both = [jobs.end("/job/7", never, "Starting a"), jobs.end("/job/7", never, "Starting b")];
  jobs.lost();
  const ends = await Promise.allSettled(both);
  expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});

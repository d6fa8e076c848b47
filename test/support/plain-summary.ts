import { type Reporter, type TestModule } from "vitest/node";

/** Ends a run with one line for machines and for people who read a log from its end: "tests: 3 passed, 0 failed". */
export default class PlainSummary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
    const count = (state: string): number => states.filter((found) => found === state).length;
    // A file that does not load has no tests to fail, and an error outside every test belongs to none.
    const suites = modules.flatMap((module) => [...module.children.allSuites()].flatMap((suite) => suite.errors()));
    const broken = modules.flatMap((module) => module.errors()).length + suites.length + unhandled.length;
    const skipped = count("skipped") + count("pending");
    const tail = skipped === 0 ? "" : `, ${skipped} skipped`;
    process.stdout.write(`\ntests: ${count("passed")} passed, ${count("failed") + broken} failed${tail}\n`);
  }
}

// Prints "PASSED FAILED" for one suite's report: count_tests.mjs gtest|vitest|playwright|tap FILE.
// Skipped tests count as neither. Tests that passed only when tried again are named, on the standard error.

import { existsSync, readFileSync } from "node:fs";

const [format, file] = process.argv.slice(2);
if (!existsSync(file)) {
  console.error("the suite wrote no report");
  process.exit(1);
}
const text = readFileSync(file, "utf8");

const specsOf = ({ specs = [], suites = [] }) => [...specs, ...suites.flatMap(specsOf)];

const counters = {
  gtest() {
    const { tests, failures, errors = 0, testsuites } = JSON.parse(text);
    const skipped = testsuites
      .flatMap((suite) => suite.testsuite)
      .filter((test) => test.result !== "COMPLETED").length;
    return [tests - failures - errors - skipped, failures + errors];
  },

  vitest() {
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(text);
    // A file that cannot be loaded fails without a test in it.
    const broken = testResults.filter(
      (result) => result.status === "failed" && !result.assertionResults.some((test) => test.status === "failed"),
    ).length;
    return [numPassedTests, numFailedTests + broken];
  },

  playwright() {
    const { stats, errors = [], suites } = JSON.parse(text);
    for (const { title, file, line } of suites.flatMap(specsOf).filter(({ tests }) => tests.some(({ status }) => status === "flaky"))) {
      console.error(`passed only when tried again: ${file}:${line} ${title}`);
    }
    return [stats.expected + stats.flaky, stats.unexpected + errors.length];
  },

  tap() {
    let passed = 0;
    let failed = 0;
    for (const line of text.split("\n")) {
      const result = /^(not )?ok \d+\b(?!.*#\s*skip\b)/i.exec(line);
      if (result === null) continue;
      if (result[1] && !/#\s*todo\b/i.test(line)) failed += 1;
      else passed += 1;
    }
    // In prove's summary: a file that died or broke its plan without any test that failed.
    failed += text.match(/^\S.*\(Wstat: .* Failed: 0\)$/gm)?.length ?? 0;
    return [passed, failed];
  },
};

console.log(counters[format]().join(" "));

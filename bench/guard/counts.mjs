// counts.mjs compare|update BASELINE TIMES FOLDER MADE_WITH: reads what callgrind counted, and compares it with the
// baseline, in the form of TAP, or writes the baseline.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { readProfile, subtract } from "./profile.mjs";

const LIMIT = 0.05;

const [mode, baselineFile, timesText, folder, madeWithText] = process.argv.slice(2);
const times = Number(timesText);
const madeWith = JSON.parse(madeWithText);

// Of `times` calls. The parts of the backend's profile are counted from 1; the second one holds nothing but a mark, then
// each measurement has two: what fills the caches, and what counts.
const backend = (part) => subtract(readProfile(`${folder}/backend/profile.${part}`), readProfile(`${folder}/backend/profile.2`));
const gateway = () => subtract(readProfile(`${folder}/gateway/${2 * times}`), readProfile(`${folder}/gateway/${times}`));

// `of`: only what this function costs with all that it calls, for each call.
const measurements = [
  { name: "attach by a session token", profile: () => backend(4), of: "tenancy_attach" },
  { name: "attach by a signed token (HS256)", profile: () => backend(6), of: "tenancy_attach" },
  { name: "begin, attach, point read and commit", profile: () => backend(8) },
  { name: "point read of a protected table", profile: () => backend(10) },
  { name: "tenancy.tenant_bigint()", profile: () => backend(12), of: "tenancy_tenant_bigint" },
  { name: "the gateway's path of a request", profile: gateway },
];

function measure({ profile, of }) {
  const { total, functions } = profile();
  if (of === undefined) return count(total, times, functions);
  const { inclusive = 0, calls = 0 } = functions.get(of) ?? {};
  if (calls === 0) throw new Error(`${of} was not called`);
  return count(inclusive, calls, functions);
}

// For one call: [in itself, with what it calls] of each function that is ours or that matters.
function count(instructions, calls, functions) {
  const each = (number) => Math.round((number / calls) * 10) / 10;
  const kept = [...functions].filter(
    ([, { object, self, inclusive }]) => self > instructions / 200 || (isOurs(object) && inclusive > instructions / 200),
  );
  return {
    instructions: each(instructions),
    functions: Object.fromEntries(
      kept.map(([name, { object, self, inclusive }]) => [name, isOurs(object) ? [each(self), each(inclusive)] : [each(self)]]).sort(),
    ),
  };
}

const isOurs = (object) => /\/(tenancy\.so|gateway_path_bench)$/.test(object);

// Without arguments, the body of an entry by its own name.
const readable = (name) =>
  (/boundary<(\w+)::\{lambda/.exec(name)?.[1] ?? name.replace(/\(anonymous namespace\)::/g, "").replace(/ ?\[.*\]$/, "")).replace(
    /(?<=.)\(.*$/s,
    "()",
  );

const thousands = (number) => number.toLocaleString("en", { maximumFractionDigits: 1 });

// The functions that grew most, in themselves; and the innermost of ours that most of the growth is in, with what it calls.
function explain(now, before) {
  const growth = now.instructions - before.instructions;
  const grown = Object.entries(now.functions).map(([name, [self, inclusive]]) => {
    const [selfBefore = 0, inclusiveBefore = 0] = before.functions[name] ?? [];
    return { name: readable(name), self: self - selfBefore, inclusive, more: (inclusive ?? 0) - inclusiveBefore };
  });
  const inside = grown.filter(({ more }) => more > growth / 2).sort((a, b) => a.inclusive - b.inclusive)[0];
  const bySelf = grown.filter(({ self }) => self > growth / 20).sort((a, b) => b.self - a.self).slice(0, 4);
  return [
    ...(inside ? [`most in ${inside.name}: ${thousands(inside.more)} more with all that it calls`] : []),
    ...bySelf.map(({ name, self }) => `${thousands(self)} more in ${name} itself`),
  ];
}

function compare(counts) {
  if (!existsSync(baselineFile)) throw new Error("there is no baseline: make bench-guard-update writes one");
  const baseline = JSON.parse(readFileSync(baselineFile, "utf8"));
  for (const [what, value] of Object.entries(madeWith)) {
    const before = baseline.made_with[what];
    if (before !== value) console.log(`# ${what} is ${value}; the baseline was made with ${before}`);
  }
  console.log(`1..${measurements.length}`);
  let failed = false;
  measurements.forEach(({ name }, index) => {
    const now = counts[name];
    const before = baseline.counts[name];
    if (before === undefined) {
      failed = true;
      console.log(`not ok ${index + 1} - ${name} has no baseline: make bench-guard-update writes one`);
      return;
    }
    const change = now.instructions / before.instructions - 1;
    const worse = change > LIMIT;
    const reasons = worse ? explain(now, before) : [];
    const percent = `${change < 0 ? "-" : "+"}${Math.abs(change * 100).toFixed(2)} %`;
    console.log(`${worse ? "not ok" : "ok"} ${index + 1} - ${name}: ${thousands(now.instructions)} instructions, ${percent}${worse ? `, ${reasons[0]}` : ""}`);
    if (worse) {
      failed = true;
      console.log(`#   ${thousands(before.instructions)} before; at most 5 % more are allowed`);
      for (const reason of reasons) console.log(`#   ${reason}`);
    }
    if (change < -LIMIT) console.log("#   better: keep it with make bench-guard-update");
  });
  return failed;
}

function update(counts) {
  writeFileSync(baselineFile, `${JSON.stringify({ made_with: madeWith, counts }, null, 1).replace(/\[\s+([\d.]+)(?:,\s+([\d.]+))?\s+\]/g, (_, self, inclusive) => `[${[self, inclusive].filter(Boolean).join(", ")}]`)}\n`);
  for (const [name, { instructions }] of Object.entries(counts)) console.log(`${name}: ${thousands(instructions)} instructions`);
}

const counts = Object.fromEntries(measurements.map((each) => [each.name, measure(each)]));
if (mode === "update") update(counts);
else if (compare(counts)) process.exitCode = 1;

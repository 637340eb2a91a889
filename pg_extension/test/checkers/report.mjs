// report.mjs FILE…: what memcheck's XML files tell of functions of the extension. Fails when there is anything.

import { readFileSync } from "node:fs";

const text = (xml, tag) => new RegExp(`<${tag}>(.*?)</${tag}>`, "s").exec(xml)?.[1] ?? "";
const all = (xml, tag) => [...xml.matchAll(new RegExp(`<${tag}>(.*?)</${tag}>`, "gs"))].map(([, inner]) => inner);

const found = new Map();
let processes = 0;
let elsewhere = 0;
for (const file of process.argv.slice(2)) {
  processes += 1;
  for (const error of all(readFileSync(file, "utf8"), "error")) {
    const frames = all(text(error, "stack"), "frame").map((frame) => ({
      object: text(frame, "obj").split("/").pop(),
      where: `${text(frame, "fn") || "?"} (${text(frame, "file") ? `${text(frame, "file")}:${text(frame, "line")}` : text(frame, "obj")})`,
    }));
    if (!frames.some(({ object }) => object === "tenancy.so")) {
      elsewhere += 1;
      continue;
    }
    const what = text(error, "xwhat") ? text(text(error, "xwhat"), "text") : text(error, "what");
    const stack = frames.map(({ where }) => `    ${where}`).join("\n");
    const known = found.get(stack) ?? { what, times: 0 };
    found.set(stack, { ...known, times: known.times + 1 });
  }
}
for (const [stack, { what, times }] of found) console.log(`${times} x ${what}\n${stack}\n`);
console.log(`${processes} processes: ${found.size} findings below functions of tenancy.so, ${elsewhere} in PostgreSQL alone`);
process.exitCode = processes > 0 && found.size === 0 ? 0 : 1;

// Profiles of callgrind: what each function cost in itself and with what it called.

import { readFileSync } from "node:fs";

// Static functions of a program without symbols have only addresses, which say nothing.
const nameless = (name) => name === "???" || name.startsWith("0x");

export function readProfile(file) {
  const functions = new Map();
  const get = (object, source, name) => {
    const key = nameless(name) ? `functions of ${object.split("/").pop()} without a name` : name.replace(/'\d+$/, "");
    if (!functions.has(key)) functions.set(key, { object, source, self: 0, called: 0, calls: 0, inclusive: 0 });
    return functions.get(key);
  };
  let total = 0;
  let at = {}; // object, source and function that the lines are about
  let callee = {}; // the same of the call that comes next
  let current;
  let target;
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const position = /^(c?)(ob|fl|fi|fe|fn)=(.*)$/.exec(line);
    if (position) {
      const [, of, kind, value] = position;
      if (of) callee[kind] = value;
      else if (kind !== "fi" && kind !== "fe") at[kind] = value;
      if (line.startsWith("fn=")) current = get(at.ob, at.fl, at.fn);
      continue;
    }
    const calls = /^calls=(\d+)/.exec(line);
    if (calls) {
      target = get(callee.ob ?? at.ob, callee.fi ?? callee.fl ?? at.fl, callee.fn);
      target.calls += Number(calls[1]);
      callee = {};
      continue;
    }
    const cost = /^[+*-]?\d* ?(\d+)$/.exec(line);
    if (cost === null || current === undefined) continue;
    const instructions = Number(cost[1]);
    if (target !== undefined) {
      if (target !== current) current.called += instructions;
      target = undefined;
    } else {
      current.self += instructions;
      total += instructions;
    }
  }
  for (const each of functions.values()) each.inclusive = each.self + each.called;
  return { total, functions };
}

// What the first profile has more than the second.
export function subtract(profile, other) {
  const functions = new Map();
  for (const [name, each] of profile.functions) {
    const { self = 0, called = 0, calls = 0, inclusive = 0 } = other.functions.get(name) ?? {};
    functions.set(name, {
      ...each,
      self: each.self - self,
      called: each.called - called,
      calls: each.calls - calls,
      inclusive: each.inclusive - inclusive,
    });
  }
  return { total: profile.total - other.total, functions };
}

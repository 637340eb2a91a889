// The CPU that processes have used, from the operating system's accounting, in seconds.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK']))

function stat(pid) {
  let text
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined // it has ended
  }
  // The name in brackets may hold blanks; fields count from the last bracket, the state is the first.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const seconds = (from) => (Number(fields[from]) + Number(fields[from + 1])) / ticksPerSecond
  return { parent: Number(fields[1]), own: seconds(11), ended: seconds(13) }
}

/** Of one process with all its threads; a clock tick (10 ms) exactly. */
export const cpuOfProcess = (pid) => stat(pid)?.own ?? 0

/** Of a process with one thread, such as a backend, in nanoseconds where the kernel tells. */
export function cpuOfThread(pid) {
  const [ran] = readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')
  return ran === '0' ? cpuOfProcess(pid) : Number(ran) / 1e9
}

/** Of children that have ended and were waited for: the load generators of this program. */
export const cpuOfEndedChildren = (pid = process.pid) => stat(pid)?.ended ?? 0

/** Of a process, its children, and what it has waited for: PostgreSQL with its short-lived backends. */
export function cpuOfTree(pid) {
  // A child that ends in between would be counted twice or not at all: look again until none has.
  for (let before; ; ) {
    const root = stat(pid)
    if (!root) return 0
    if (before && root.ended === before.ended) return before.sum
    let sum = root.own + root.ended
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue
      const other = stat(name)
      if (other?.parent === pid) sum += other.own + other.ended
    }
    before = { ended: root.ended, sum }
  }
}

/**
 * A meter reads several at once. readers: names with functions that tell seconds so far, for instance
 * { postgres: () => cpuOfTree(pid), client: cpuOfEndedChildren }.
 */
export function meter(readers) {
  const read = () => Object.fromEntries(Object.entries(readers).map(([name, reader]) => [name, reader()]))
  return {
    start() {
      const before = read()
      return () => Object.fromEntries(Object.entries(read()).map(([name, now]) => [name, now - before[name]]))
    },
  }
}

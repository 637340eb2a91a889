// The load generators that others know: pgbench and wrk. Their CPU is that of this program's ended children (cpu.mjs).

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'

/** Runs a program to its end; returns what it wrote, and throws when it fails. */
export function run(program, words, { env = {}, input } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { env: { ...process.env, ...env } })
    const written = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text) => (written[0] += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (written[1] += text))
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve({ out: written[0], err: written[1] })
      else reject(new Error(`${path.basename(program)} ended with ${code}: ${(written[1] || written[0]).trim().split('\n').slice(-5).join(' / ')}`))
    })
    child.stdin.on('error', () => {}).end(input)
  })
}

const number = (text, pattern) => {
  const found = pattern.exec(text)
  if (!found) throw new Error(`not found in the output: ${pattern}`)
  return Number(found[1])
}

let scripts = 0

/**
 * pgbench with one script, given as text, for some seconds. Returns { operations, seconds, latency }, in seconds. Any failed
 * transaction is an error.
 */
export async function pgbench(bench, { database, script, seconds, connections = 1, threads = 1, protocol = 'prepared', variables = {}, tcp = false }) {
  const file = path.join(bench.work, `script${++scripts}.sql`)
  writeFileSync(file, script)
  const words = ['-n', '-M', protocol, '-c', connections, '-j', threads, '-T', Math.max(1, Math.round(seconds)), '-f', file]
  for (const [name, value] of Object.entries(variables)) words.push('-D', `${name}=${value}`)
  const { out } = await run(path.join(bench.pgBin, 'pgbench'), words.map(String), { env: bench.libpq(database, { tcp }) })
  if (!/^number of failed transactions: 0 /m.test(out)) throw new Error(`transactions failed: ${out}`)
  const operations = number(out, /^number of transactions actually processed: (\d+)/m)
  return { operations, seconds: operations / number(out, /^tps = ([\d.]+)/m), latency: number(out, /^latency average = ([\d.]+) ms/m) / 1000 }
}

const units = { us: 1e-6, ms: 1e-3, s: 1 }
const duration = (text, pattern) => {
  const found = pattern.exec(text)
  if (!found) throw new Error(`not found in the output of wrk: ${pattern}`)
  return Number(found[1]) * units[found[2]]
}

/** wrk on one address for some seconds. Returns { operations, seconds, p50, p99 }; any answer but 2xx is an error. */
export async function wrk({ url, seconds, connections = 1, threads = 1, headers = {}, script }) {
  const words = ['-t', threads, '-c', connections, '-d', `${Math.max(1, Math.round(seconds))}s`, '--timeout', '10s', '--latency']
  for (const [name, value] of Object.entries(headers)) words.push('-H', `${name}: ${value}`)
  if (script) words.push('-s', script)
  const { out } = await run('wrk', [...words, url].map(String))
  if (/Non-2xx|Socket errors/.test(out)) throw new Error(`requests failed: ${/.*(Non-2xx|Socket errors).*/.exec(out)[0].trim()}`)
  return {
    operations: number(out, /^\s*(\d+) requests in/m),
    seconds: duration(out, /requests in ([\d.]+)(us|ms|s),/),
    p50: duration(out, /^\s*50%\s+([\d.]+)(us|ms|s)/m),
    p99: duration(out, /^\s*99%\s+([\d.]+)(us|ms|s)/m),
  }
}

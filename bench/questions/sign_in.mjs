// 6. How many can sign in, and what reads keep meanwhile. The flood is of wrong passwords, each attempt from an address and
// with a name of its own, so that throttling by name or address spares the server nothing.

import { randomInt } from 'node:crypto'
import http from 'node:http'
import { cpuOfProcess, cpuOfTree, meter } from '../lib/cpu.mjs'
import { wrk } from '../lib/load.mjs'
import { startGateway } from '../lib/servers.mjs'

const readers = 8
const attackers = 12 // so that one always waits, and few are left to be answered when the flood ends
const limits = [1, 2]
const started = []

function signIn(port, userName, password, options) {
  const body = JSON.stringify({ userName, password })
  return new Promise((resolve) => {
    const request = http.request(
      {
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: '/api/auth/login',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        ...options,
      },
      (answer) => {
        answer.resume()
        answer.on('end', () => resolve(answer.statusCode)).on('error', () => resolve(0))
      },
    )
    request.on('error', () => resolve(0))
    request.end(body)
  })
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Attempts until told to stop, and until the last is answered; returns how many passwords were looked at. */
function flood(port) {
  let ended = false
  let checked = 0
  const attack = async () => {
    while (!ended) {
      const localAddress = `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(2, 255)}`
      const status = await signIn(port, `nobody ${randomInt(2 ** 40)}`, 'wrong', { localAddress, agent: false })
      if (status === 401) checked++
      // A tenth of the pause that a client was told to make.
      else await pause(100)
    }
  }
  const all = Promise.all(Array.from({ length: attackers }, attack))
  return async () => {
    ended = true
    await all
    return checked
  }
}

async function prepare(bench) {
  const token = await bench.signIn(bench.demoDatabase, ...bench.demoUser)
  const gateways = []
  for (const limit of limits) {
    const gateway = await startGateway(bench, { words: [`--sign-in-limit=${limit}`] })
    started.push(gateway)
    gateways.push({ limit, gateway })
  }
  bench.signIns = { token, gateways }
}

function variants(bench) {
  const { token, gateways } = bench.signIns
  const metered = (gateway) => meter({ gateway: () => cpuOfProcess(gateway.pid), postgres: () => cpuOfTree(bench.postmaster) })
  const read = (gateway, seconds) =>
    wrk({ url: `${gateway.url}/api/patients`, headers: { cookie: `tenancy_session=${token}` }, connections: readers, seconds })
  const calm = { name: 'alone', baseline: true, meter: metered(gateways[0].gateway), run: (seconds) => read(gateways[0].gateway, seconds) }
  const flooded = ({ limit, gateway }) => ({
    name: `under a flood, --sign-in-limit=${limit}`,
    meter: metered(gateway),
    async run(seconds) {
      const began = performance.now()
      const stop = flood(gateway.port)
      try {
        const told = await read(gateway, seconds)
        return { ...told, signIns: (await stop()) / ((performance.now() - began) / 1000) }
      } catch (error) {
        await stop()
        throw error
      }
    },
  })
  // Right passwords of one user, each from an address of its own, as fast as they are answered.
  const { gateway } = gateways.at(-1)
  const right = {
    name: `right passwords, --sign-in-limit=${limits.at(-1)}`,
    baseline: true,
    meter: metered(gateway),
    async run(seconds) {
      const began = performance.now()
      let operations = 0
      const sign = async () => {
        while (performance.now() - began < seconds * 1000) {
          const localAddress = `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(2, 255)}`
          const status = await signIn(gateway.port, ...bench.demoUser, { localAddress, agent: false })
          if (status !== 200) throw new Error(`a right password was answered ${status}`)
          operations++
        }
      }
      await Promise.all([sign(), sign(), sign()])
      return { operations, seconds: (performance.now() - began) / 1000 }
    },
  }
  return [
    { name: 'reads', variants: [calm, ...(bench.quick ? gateways.slice(0, 1) : gateways).map(flooded)] },
    { name: 'sign-ins', variants: [right] },
  ]
}

const measure = (bench) => bench.interleave(variants(bench), { rounds: bench.quick ? 1 : bench.rounds })

const milliseconds = (spread) => (spread ? (spread.median * 1000).toFixed(2) : '')

function report(measurements) {
  const good = measurements.filter(({ error }) => !error)
  return {
    tables: [
      {
        title: `${readers} readers of 5 rows; ${attackers} clients with wrong passwords`,
        columns: ['', 'each second', 'of the rate alone', 'p50, ms', 'p99, ms', 'passwords checked each second', 'CPU of Postgres, ms each'],
        rows: good.map(({ group, variant, rate, ratio, p50, p99, signIns, cpu }) => [
          `${group}, ${variant}`,
          rate.median.toFixed(rate.median < 100 ? 1 : 0),
          ratio ? `${(1 / ratio.time.median).toFixed(2)} (${(1 / ratio.time.max).toFixed(2)} to ${(1 / ratio.time.min).toFixed(2)})` : '',
          milliseconds(p50),
          milliseconds(p99),
          signIns ? signIns.median.toFixed(1) : '',
          (cpu.postgres.median * 1000).toFixed(2),
        ]),
      },
    ],
    plots: [
      {
        kind: 'rows',
        title: 'Reads under a flood of sign-ins',
        subtitle: `${readers} readers, ${attackers} clients with wrong passwords`,
        series: ['reads each second'],
        axis: { label: 'reads each second' },
        rows: good.filter(({ group }) => group === 'reads').map(({ variant, rate }) => ({ label: variant, points: [rate] })),
      },
    ],
    notes: ['A password is a bcrypt hash of cost 10. Flood, readers, gateway and PostgreSQL share the cores; a check takes one of them as long as it lasts.'],
  }
}

async function end() {
  for (const gateway of started.splice(0)) await gateway.stop()
}

export default {
  name: 'sign_in',
  number: 6,
  title: 'Signing in, and reads meanwhile',
  seconds: { full: 30, quick: 8 },
  prepare,
  run: measure,
  report,
  end,
}

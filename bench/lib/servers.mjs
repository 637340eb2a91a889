// Servers that a question starts for itself: gateways with other options, nginx, pgbouncer, and any program that listens.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'

export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

const listens = (port) =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })

/** Starts a program and waits until the port answers. Returns { pid, port, url, stop() }. */
export async function serve(program, words, { port, env = {}, nobody = false }) {
  // pgbouncer does not run as root.
  const who = nobody && process.getuid() === 0 ? { uid: 61000, gid: 61000 } : {}
  const child = spawn(program, words.map(String), { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'], cwd: '/', ...who })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text) => (said = (said + text).slice(-2000)))
  child.on('error', (error) => (said += error.message))
  const until = performance.now() + 60_000
  while (!(await listens(port))) {
    if (child.exitCode !== null || child.pid === undefined) throw new Error(`${path.basename(program)} did not start: ${said.trim()}`)
    if (performance.now() > until) throw new Error(`${path.basename(program)} does not listen on ${port}: ${said.trim()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return {
    pid: child.pid,
    port,
    url: `http://127.0.0.1:${port}`,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

/** A connection string for the login role, over TCP or the socket, or to a pooler's port. */
export function databaseUrl(bench, database, { socket = false, port = bench.port } = {}) {
  const { user, password } = bench.login
  const host = socket ? encodeURIComponent(bench.socket) : '127.0.0.1'
  return `postgresql://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`
}

/** A gateway that logs no requests, as the others here log none. */
export async function startGateway(bench, { database = bench.demoDatabase, words = [], poolSize = 10, ...way } = {}) {
  const port = await freePort()
  return serve(
    bench.gateway.program,
    ['--allow-root', `--listen=127.0.0.1:${port}`, `--pool-size=${poolSize}`, '--log-level=warning', ...words],
    { port, env: { TENANCY_GATEWAY_URL: databaseUrl(bench, database, way) } },
  )
}

/** nginx with what docker/nginx.conf says of the way through, on one worker. */
export async function startNginx(bench, upstream) {
  const folder = path.join(bench.work, `nginx${upstream.port}`)
  mkdirSync(folder)
  const port = await freePort()
  let text = readFileSync(path.join(bench.root, 'docker/nginx.conf'), 'utf8')
  for (const [from, to] of [
    ['worker_processes auto;', `worker_processes 1;\ndaemon off;\npid ${folder}/pid;`],
    ['error_log stderr warn;', `error_log ${folder}/error.log warn;`],
    ['server gateway:8080;', `server 127.0.0.1:${upstream.port};`],
    ['listen 80;', `listen 127.0.0.1:${port};`],
    ['include /etc/nginx/tls/*.conf;', ''],
    ['access_log off;', ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ') + ' access_log off;'],
  ]) {
    if (!text.includes(from)) throw new Error(`docker/nginx.conf has no longer "${from}"`)
    text = text.replace(from, to)
  }
  writeFileSync(path.join(folder, 'nginx.conf'), text)
  return serve('/usr/sbin/nginx', ['-c', path.join(folder, 'nginx.conf'), '-p', folder], { port })
}

/** pgbouncer with a pool of transactions. */
export async function startPgbouncer(bench, serverConnections) {
  const folder = path.join(bench.work, 'pgbouncer')
  mkdirSync(folder)
  const port = await freePort()
  const { user, password } = bench.login
  const files = {
    users: `"${user}" "${password}"\n`,
    ini: `[databases]
* = host=127.0.0.1 port=${bench.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${path.join(folder, 'users')}
pool_mode = transaction
default_pool_size = ${serverConnections}
log_connections = 0
log_disconnections = 0
`,
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text, { mode: 0o600 })
  if (process.getuid() === 0) for (const name of ['', ...Object.keys(files)]) chownSync(path.join(folder, name), 61000, 61000)
  return serve('/usr/sbin/pgbouncer', ['-q', path.join(folder, 'ini')], { port, nobody: true })
}

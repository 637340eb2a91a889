// A connection to PostgreSQL that keeps out of the way of what is measured: statements are encoded beforehand, many go
// out in one write, and of the answers only errors and, where asked for, rows are looked at. Text format only.
//
// A driver or psql would put its own work into each operation's time; pgbench would end the backend before its CPU is
// read. What a real client sees is measured with pgbench and wrk instead: load.mjs.

import net from 'node:net'
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

const message = (type, body) => {
  const head = Buffer.alloc(5)
  head[0] = type.charCodeAt(0)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}
const zeroEnded = (text) => Buffer.from(`${text}\0`)
const int16 = (value) => {
  const buffer = Buffer.alloc(2)
  buffer.writeInt16BE(value)
  return buffer
}
const int32 = (value) => {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

const sync = message('S', Buffer.alloc(0))

/** Bind and Execute of a prepared statement, to be sent as often as one likes. */
export function execution(name, parameters = []) {
  const values = parameters.map((value) => {
    if (value === null) return int32(-1)
    const text = Buffer.from(String(value))
    return Buffer.concat([int32(text.length), text])
  })
  const bind = Buffer.concat([zeroEnded(''), zeroEnded(name), int16(0), int16(values.length), ...values, int16(0)])
  return Buffer.concat([message('B', bind), message('E', Buffer.concat([zeroEnded(''), int32(0)]))])
}

/** A statement of the simple protocol. */
export const simple = (text) => message('Q', zeroEnded(text))

const parse = (name, text) => message('P', Buffer.concat([zeroEnded(name), zeroEnded(text), int16(0)]))

export class PostgresError extends Error {
  constructor(fields) {
    super(`${fields.M} (${fields.C})${fields.H ? `; ${fields.H}` : ''}`)
    this.code = fields.C
  }
}

function errorFields(body) {
  const fields = {}
  for (let at = 0; body[at] !== 0; ) {
    const end = body.indexOf(0, at)
    fields[String.fromCharCode(body[at])] = body.toString('utf8', at + 1, end)
    at = end + 1
  }
  return fields
}

function rowOf(body) {
  const row = []
  let at = 2
  for (let count = body.readInt16BE(0); count > 0; count--) {
    const length = body.readInt32BE(at)
    at += 4
    row.push(length < 0 ? null : body.toString('utf8', at, at + length))
    if (length > 0) at += length
  }
  return row
}

export class Connection {
  #socket
  #rest = Buffer.alloc(0)
  #waiting
  #closed

  /** host: a name, or the folder of the Unix socket. settings: what PGOPTIONS would hold, as an object. */
  static async open({ host, port, user, password, database, settings = {} }) {
    const connection = new Connection()
    const socket = host.startsWith('/') ? net.connect(`${host}/.s.PGSQL.${port}`) : net.connect(port, host)
    socket.setNoDelay(true)
    connection.#socket = socket
    socket.on('data', (chunk) => connection.#read(chunk))
    socket.on('error', (error) => connection.#fail(error))
    socket.on('close', () => connection.#fail(new Error('the server has closed the connection')))
    const parameters = { user, database, client_encoding: 'UTF8', ...settings }
    const body = Buffer.concat([int32(196608), ...Object.entries(parameters).flat().map(zeroEnded), Buffer.from([0])])
    await connection.#ask(Buffer.concat([int32(body.length + 4), body]), { user, password })
    return connection
  }

  /** The server process of this connection. */
  pid

  /** The rows of the statement's last result, in the simple protocol. */
  async query(text) {
    return (await this.#ask(simple(text), { keep: true })).rows
  }

  async prepare(name, text) {
    await this.#ask(Buffer.concat([parse(name, text), sync]))
  }

  /** The rows of one execution. */
  async execute(name, parameters) {
    return (await this.#ask(Buffer.concat([execution(name, parameters), sync]), { keep: true })).rows
  }

  /** Sends executions in one write and waits for the end of the last. Returns how many rows came. */
  async pipeline(executions) {
    return (await this.#ask(Buffer.concat([...executions, sync]))).count
  }

  /** The same with a transaction for each. */
  async transactions(executions) {
    return (await this.#ask(Buffer.concat(executions.flatMap((one) => [one, sync])), { ready: executions.length })).count
  }

  /** The same for statements of the simple protocol, each of which the server ends by itself. */
  async simplePipeline(statements) {
    return (await this.#ask(Buffer.concat(statements), { ready: statements.length })).count
  }

  /** Statements of the simple protocol that may fail; returns how many did. */
  async failures(statements) {
    const waiting = this.#ask(Buffer.concat(statements), { ready: statements.length, tolerant: true })
    return (await waiting).errors
  }

  /** Ends the session, and waits until the server has. */
  async close() {
    if (this.#closed) return
    this.#closed = true
    const ended = new Promise((resolve) => this.#socket.once('close', resolve))
    this.#socket.end(message('X', Buffer.alloc(0)))
    await ended
  }

  #ask(buffer, { keep = false, ready = 1, tolerant = false, user, password } = {}) {
    if (this.#waiting) throw new Error('one question at a time')
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject, keep, ready, tolerant, user, password, rows: [], count: 0, errors: 0 }
      this.#socket.write(buffer)
    })
  }

  #fail(error) {
    this.#closed = true
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.reject(error)
  }

  #read(chunk) {
    const data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    let at = 0
    while (data.length - at >= 5) {
      const end = at + 1 + data.readInt32BE(at + 1)
      if (end > data.length) break
      const type = data[at]
      // D: a row; the messages that are of no interest here are the most frequent ones.
      if (type === 0x44) {
        this.#waiting.count++
        if (this.#waiting.keep) this.#waiting.rows.push(rowOf(data.subarray(at + 5, end)))
      } else if (type === 0x5a) this.#ready()
      else if (type === 0x45) this.#error(errorFields(data.subarray(at + 5, end)))
      else if (type === 0x54 && this.#waiting.keep) this.#waiting.rows = []
      else if (type === 0x52) this.#authenticate(data.subarray(at + 5, end))
      else if (type === 0x4b) this.pid = data.readInt32BE(at + 5)
      at = end
    }
    this.#rest = data.subarray(at)
  }

  #error(fields) {
    // Before the first ReadyForQuery there is none to wait for.
    if (this.pid === undefined) this.#fail(new PostgresError(fields))
    else if (this.#waiting.tolerant) this.#waiting.errors++
    else this.#waiting.error ??= new PostgresError(fields)
  }

  #ready() {
    const waiting = this.#waiting
    if (--waiting.ready > 0) return
    this.#waiting = undefined
    if (waiting.error) waiting.reject(waiting.error)
    else waiting.resolve(waiting)
  }

  // SCRAM-SHA-256 (RFC 5802, 7677), or nothing where the server trusts the socket.
  #authenticate(body) {
    const waiting = this.#waiting
    const kind = body.readInt32BE(0)
    const text = body.toString('utf8', 4)
    if (kind === 0 || kind === 12) return
    if (kind === 10) {
      waiting.first = `n=,r=${randomBytes(18).toString('base64')}`
      const first = Buffer.from(`n,,${waiting.first}`)
      this.#socket.write(message('p', Buffer.concat([zeroEnded('SCRAM-SHA-256'), int32(first.length), first])))
      return
    }
    if (kind !== 11) {
      this.#fail(new Error(`the server wants a kind of authentication that is not known here: ${kind}`))
      return
    }
    const { r: nonce, s: salt, i: iterations } = Object.fromEntries(text.split(',').map((part) => [part[0], part.slice(2)]))
    const hmac = (key, data) => createHmac('sha256', key).update(data).digest()
    const salted = pbkdf2Sync(waiting.password ?? '', Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256')
    const clientKey = hmac(salted, 'Client Key')
    const last = `c=biws,r=${nonce}`
    const signature = hmac(createHash('sha256').update(clientKey).digest(), `${waiting.first},${text},${last}`)
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index])).toString('base64')
    this.#socket.write(message('p', Buffer.from(`${last},p=${proof}`)))
  }
}

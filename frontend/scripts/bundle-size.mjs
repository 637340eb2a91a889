// Fails the build when the JavaScript of the first view is over its budget.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const budget = 300_000
const dist = new URL('../dist/', import.meta.url)
const html = readFileSync(new URL('index.html', dist), 'utf8')

function gzipped(pattern) {
  const files = [...html.matchAll(pattern)].map((match) => match[1].replace(/^\//, ''))
  return files.reduce((sum, file) => sum + gzipSync(readFileSync(new URL(file, dist))).length, 0)
}

const script = gzipped(/(?:src|href)="([^"]+\.js)"/g)
const style = gzipped(/href="([^"]+\.css)"/g)
console.log(`first view, gzip: JavaScript ${script} bytes (budget ${budget}), CSS ${style} bytes`)
if (script === 0 || script > budget) process.exit(1)

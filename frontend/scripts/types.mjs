// Makes the types of src/api/generated/ from what running gateways tell of their data, one file for each demo.
// With --check it writes nothing, and fails when a file is not what the gateway tells now.
//
// Asks the gateways at TENANCY_URL and TENANCY_MANY_URL, or else those of the demos that `./setup.sh up many` started.
import openapiTS, { astToString } from 'openapi-typescript'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = new URL('../src/api/generated/', import.meta.url)
const check = process.argv.includes('--check')

/** The address of a demo of this working copy. */
function demoUrl(...words) {
  const setup = fileURLToPath(new URL('../../setup.sh', import.meta.url))
  const exports = execFileSync(setup, ['env', ...words], { encoding: 'utf8' })
  const url = /TENANCY_URL='?([^'\s]+)/.exec(exports)?.[1]
  if (!url) throw new Error(`${setup} env ${words.join(' ')} names no TENANCY_URL`)
  return url
}

async function ask(url, method, path, { cookie, body } = {}) {
  const response = await fetch(url + path, {
    method,
    headers: { Accept: 'application/json', ...(cookie && { Cookie: cookie }), ...(body && { 'Content-Type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${method} ${url}${path}: ${response.status} ${await response.text()}`)
  return response
}

/** An admin of the demo: nobody is told of more. */
async function adminCookie(url, logins) {
  for (const { userName, password } of logins.toReversed()) {
    const answer = await ask(url, 'POST', '/api/auth/login', { body: { userName, password } })
    const cookie = answer.headers.get('Set-Cookie').split(';')[0]
    if ((await answer.json()).isAdmin) return cookie
    await ask(url, 'POST', '/api/auth/logout', { cookie })
  }
  throw new Error(`${url}: none of the demo's logins is an admin`)
}

const jsonOf = (part) => part?.content?.['application/json']?.schema

/**
 * The schemas alone: those of rows, as the description has them, and for each function `NAME.arguments` and `NAME.result`.
 * `.reading` lists the functions that may be asked by GET.
 */
function essence({ openapi, info, paths, components }) {
  const schemas = { ...components.schemas }
  const reading = []
  for (const [path, { get, post }] of Object.entries(paths)) {
    const name = /^\/rpc\/(.+)$/.exec(path)?.[1]
    if (name === undefined) continue
    schemas[`${name}.arguments`] = jsonOf(post.requestBody)
    schemas[`${name}.result`] = jsonOf(post.responses['200']) ?? { type: 'null', description: 'Nothing.' }
    if (post.description) schemas[`${name}.arguments`] = { ...schemas[`${name}.arguments`], description: post.description }
    if (get) reading.push(name)
  }
  if (reading.length > 0) schemas['.reading'] = { type: 'string', enum: reading.toSorted() }
  return { openapi, info, paths: {}, components: { schemas } }
}

async function typesOf(url) {
  const demo = await (await ask(url, 'GET', '/api/demo')).json()
  const cookie = await adminCookie(url, demo.logins)
  const description = await (await ask(url, 'GET', '/api/', { cookie })).json()
  await ask(url, 'POST', '/api/auth/logout', { cookie })
  const types = astToString(await openapiTS(essence(description), { alphabetize: true }))
  const head = `/* What the gateway of the demo "${demo.title}" tells of its data. Made by \`npm run types\`, not by hand. */\n\n`
  return { name: `${demo.title.toLowerCase().replaceAll(/\W+/g, '-')}.ts`, text: head + types }
}

function committed(name) {
  try {
    return readFileSync(new URL(name, folder), 'utf8')
  } catch {
    return null
  }
}

const urls = process.env.TENANCY_URL
  ? [process.env.TENANCY_URL, process.env.TENANCY_MANY_URL].filter(Boolean)
  : [demoUrl(), demoUrl('many')]
mkdirSync(folder, { recursive: true })
for (const url of urls) {
  const { name, text } = await typesOf(url)
  const same = committed(name) === text
  if (same) console.log(`src/api/generated/${name} is what the gateway tells`)
  else if (check) {
    console.error(`src/api/generated/${name} is not what the gateway tells: run "npm run types"`)
    process.exitCode = 1
  } else {
    writeFileSync(new URL(name, folder), text)
    console.log(`src/api/generated/${name} written`)
  }
}

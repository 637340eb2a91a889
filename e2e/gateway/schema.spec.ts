import { expect, test } from '@playwright/test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { call, expectError, type Answer } from '../support/http'
import { startRest, type RestGateway, type RestUser } from '../support/rest'

/** What the gateway knows of the exposed schema, on a database of its own: DDL shows without a restart. */
test.use({ trace: 'off' })
test.describe.configure({ mode: 'serial' })

interface Schema {
  type?: string | string[]
  format?: string
  enum?: (string | null)[]
  maxLength?: number
  description?: string
  readOnly?: boolean
  required?: string[]
  properties?: Record<string, Schema>
  items?: Schema
  $ref?: string
}
interface Parameter {
  name?: string
  in?: string
  $ref?: string
}
interface Operation {
  description?: string
  parameters?: Parameter[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, { content?: Record<string, unknown> }>
}
interface Document {
  openapi: string
  info: { description?: string }
  tags: { name: string; description?: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; parameters: Record<string, Parameter>; securitySchemes: Record<string, Record<string, string>> }
}

let rest: RestGateway
const tokens = {} as Record<RestUser, string>

async function ask(who: RestUser, path = '/api/', headers: Record<string, string> = {}): Promise<Answer> {
  return call('GET', path, { token: tokens[who], url: rest.url, headers })
}

async function describedTo(who: RestUser): Promise<Document> {
  const answer = await ask(who)
  expect(answer.status, answer.text).toBe(200)
  return JSON.parse(answer.text) as Document
}

/** Until the description says so: a change is noticed soon, not at once. */
async function untilDescribed(judge: (document: Document) => void, who: RestUser = 'ann'): Promise<void> {
  await expect(async () => judge(await describedTo(who))).toPass({ intervals: [20] })
}

const columnsOf = (document: Document, relation: string) => Object.keys(document.components.schemas[relation]?.properties ?? {})

async function expectValid(document: Document): Promise<void> {
  const { valid, errors } = await new Validator().validate(structuredClone(document) as never)
  expect(valid, JSON.stringify(errors)).toBe(true)
}

test.beforeAll(async () => {
  rest = await startRest()
  for (const who of ['ann', 'ben', 'olga'] as const) tokens[who] = await rest.login(who)
})

test.afterAll(() => rest.stop())

test('the description is valid OpenAPI 3.1, for users and admins', async () => {
  const users = await describedTo('ann')
  const admins = await describedTo('olga')
  expect(users.openapi).toBe('3.1.0')
  await expectValid(users)
  await expectValid(admins)
  // The validator can say no.
  const broken = await new Validator().validate({ ...users, paths: { '/': { get: { responses: 7 } } } })
  expect(broken.valid).toBe(false)
  const { session, bearer } = users.components.securitySchemes
  expect(session).toEqual({ type: 'apiKey', in: 'cookie', name: 'tenancy_session' })
  expect(bearer).toEqual({ type: 'http', scheme: 'bearer' })
  expect(await describedTo('ben'), 'nothing in it is a tenant\'s').toEqual(users)
})

test('it says what the caller may use, and to nobody else', async () => {
  const users = await describedTo('ann')
  const admins = await describedTo('olga')
  expect(Object.keys(users.paths['/books']!).sort(), 'nobody chooses its key').toEqual(['delete', 'get', 'patch', 'post'])
  expect(Object.keys(users.paths['/settings']!).sort()).toEqual(['delete', 'get', 'patch', 'post', 'put'])
  expect([users.paths['/stats'], admins.paths['/stats']], 'for admins').toEqual([undefined, expect.anything()])
  expect(Object.keys(users.paths['/countries']!), 'reference tables are for reading').toEqual(['get'])
  expect(Object.keys(users.paths['/book_counts']!), 'sums cannot be written').toEqual(['get'])
  for (const path of ['/sessions_of_all', '/rpc/office_only']) {
    expect(users.paths[path], path).toBeUndefined()
    expect(admins.paths[path], path).toBeDefined()
  }
  expect(JSON.stringify(users)).not.toMatch(/sessions_of_all|office_only|For admins only/)
  expect(Object.keys(users.paths).filter((path) => path.startsWith('/auth/'))).toHaveLength(4)
  expectError(await call('GET', '/api/', { url: rest.url }), 401, 'signed out')
  expectError(await call('GET', '/api/', { url: rest.url, token: 'x' }), 401, 'no session')
})

/** One request for each thing that the description lists: rows are changed in transactions that are rolled back. */
interface Listed {
  path: string
  method: string
  parameters: { name: string; in: string }[]
  forms: string[]
}

function listed(document: Document): Listed[] {
  const shared = document.components.parameters
  const resolved = (parameter: Parameter) => (parameter.$ref ? shared[parameter.$ref.split('/').at(-1)!]! : parameter) as { name: string; in: string }
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => method !== 'parameters')
      .map(([method, operation]) => ({
        path,
        method: method.toUpperCase(),
        parameters: (operation.parameters ?? []).map(resolved),
        forms: Object.keys(operation.responses['200']?.content ?? {}),
      })),
  )
}

/** What the dialect knows, with a value that fits any table whose first column is `column`. */
const words = (column: string): Record<string, string> => ({
  select: column, order: column, limit: '1', offset: '0', after: '', columns: column, on_conflict: column,
  and: `(${column}.not.is.null)`, or: `(${column}.not.is.null)`, 'not.and': `(${column}.is.null)`, 'not.or': `(${column}.is.null)`,
})

test('what it lists is answered, and what it does not list is refused', async () => {
  const document = await describedTo('ann')
  const columnOf = (path: string): string => {
    const relation = path.split('/')[1]!
    return columnsOf(document, relation)[0] ?? 'title'
  }
  const rpc: Record<string, string> = { a: '1', b: '2', book: '1', words: 'man', numbers: '1', new_title: 'x', message: 'x' }
  /** A request of that kind, which is right but for `more`. */
  async function asked({ path, method }: Listed, more: Record<string, string> = {}, headers: Record<string, string> = {}): Promise<Answer> {
    const column = columnOf(path)
    const query = new URLSearchParams(more)
    const isRow = path.endsWith('/{id}')
    const isCall = path.startsWith('/rpc/')
    const changes = method === 'PATCH' || method === 'DELETE'
    if (changes && !isRow && !Object.keys(more).includes(column)) query.append(column, 'not.is.null')
    if (method === 'PUT' && !isRow) for (const { name } of keys(path)) query.set(name, 'eq.1')
    const named = isCall ? Object.keys(document.paths[path]!.post!.requestBody!.content['application/json']!.schema.properties ?? {}) : []
    if (method === 'GET') for (const name of named) if (!query.has(name)) query.set(name, rpc[name]!)
    const body = method === 'GET' || method === 'DELETE' ? undefined : Object.fromEntries(named.map((name) => [name, name === 'numbers' ? [1] : rpc[name]]))
    const prefer = method === 'GET' ? 'count=exact' : 'tx=rollback, return=representation'
    return call(method, `/api${path.replace('{id}', '1')}?${query.toString()}`, { token: tokens.ann, url: rest.url, body, headers: { prefer, ...headers } })
  }
  const keys = (path: string) => listed(document).find((each) => each.path === path && each.method === 'PUT')!.parameters.filter((each) => each.in === 'query' && !(each.name in words('')))
  const wrong: string[] = []
  /** A row may not be there, or break a rule of Postgres; that the gateway does not know what is asked is another matter. */
  function judge(answer: Answer, label: string): void {
    const code = answer.status < 400 ? '' : (JSON.parse(answer.text) as { code: string }).code
    if (answer.status >= 500 || /^(PGRST(?!11[56])|TNCY(?!404))/.test(code)) wrong.push(`${label} is listed: ${answer.text}`)
  }
  const data = listed(document).filter(({ path }) => path !== '/' && !path.startsWith('/auth/'))
  expect(data.length).toBeGreaterThan(50)
  const before = rest.sql('select count(*) from app.books')
  for (const one of data) {
    const label = `${one.method} ${one.path}`
    judge(await asked(one), label)
    const values = words(columnOf(one.path))
    const names = one.parameters.filter((each) => each.in === 'query').map(({ name }) => name)
    for (const name of names) {
      const value = values[name] ?? (one.path.startsWith('/rpc/') && name in rpc ? rpc[name]! : one.method === 'PUT' ? 'eq.1' : 'not.is.null')
      judge(await asked(one, { [name]: value }), `${label} ${name}`)
    }
    for (const form of one.forms) judge(await asked(one, {}, { accept: form }), `${label} as ${form}`)
    // The other way round, on one table of many columns, on one whose key is chosen, and on functions.
    if (/^\/(books|settings|rpc\/search_books|rpc\/count_by_status)$/.test(one.path)) {
      for (const [name, value] of Object.entries(values)) {
        if (names.includes(name)) continue
        const answer = await asked(one, { [name]: value })
        if (!/PGRST10[05]/.test(answer.text)) wrong.push(`${label} ${name} is not listed, and taken: ${answer.text}`)
      }
    }
  }
  // A method that is not listed is refused, with the names of all those that are.
  for (const path of ['/settings', '/settings/{id}', '/rpc/search_books', '/', '/auth/login', '/auth/session', '/auth/tenant', '/auth/logout']) {
    const answer = await call('OPTIONS', `/api${path.replace('{id}', '1')}`, { token: tokens.ann, url: rest.url })
    const methods = (answer.headers.allow ?? '').split(', ').filter((method) => method !== 'HEAD').sort()
    const here = listed(document).filter((each) => each.path === (path === '/settings/{id}' ? '/book_covers/{id}' : path))
    if (here.map(({ method }) => method).sort().join() !== methods.join()) wrong.push(`${path} takes ${methods.join()}`)
  }
  expect(wrong).toEqual([])
  expect(rest.sql('select count(*) from app.books')).toBe(before)
})

test('comments, types, enumerations, lengths and what is required come from the catalog', async () => {
  const { components, info, paths, tags } = await describedTo('ann')
  const { schemas } = components
  const books = schemas.books!.properties!
  expect(info.description).toBe('Books and who wrote them.')
  expect(tags).toContainEqual({ name: 'authors', description: 'The authors of the tenant who asks.' })
  expect(schemas.authors!.description).toBe('The authors of the tenant who asks.')
  expect(schemas.authors!.properties!.name!.description, 'of the column under the view').toBe('The name on the cover.')
  expect(books.pages!.description, "the view's own").toBe('Pages that are numbered.')
  expect(books.author_id!.description).toBe('Refers to `authors.id`.')
  expect(books.id).toEqual({ type: 'integer', format: 'int64', readOnly: true, description: 'The primary key.' })
  expect(books.title).toEqual({ type: 'string', maxLength: 200, description: 'As it is printed on the cover.' })
  expect(books.status).toEqual({ type: 'string', enum: ['draft', 'in print', 'sold out'] })
  expect(books.isbn, 'a domain').toEqual({ type: ['string', 'null'], maxLength: 17 })
  expect(books.published).toEqual({ type: ['string', 'null'], format: 'date' })
  expect(books.created_at).toEqual({ type: 'string', format: 'date-time' })
  expect(books.keywords).toEqual({ type: 'array', items: { type: 'string' } })
  expect(books.key).toEqual({ type: 'string', format: 'uuid' })
  expect(books.title_length!.readOnly).toBe(true)
  expect(schemas['books.insert']!.required).toEqual(['author_id', 'title'])
  expect(columnsOf({ components } as Document, 'books.insert')).not.toContain('title_length')
  expect(schemas['books.update']!.required).toBeUndefined()
  expect(paths['/books']!.get!.parameters!.map((each) => each.name ?? each.$ref)).toEqual(
    expect.arrayContaining(['title', 'price', '#/components/parameters/select']),
  )
  expect(paths['/rpc/add_numbers']!.post!.description).toBe('Adds two numbers.')
  expect(Object.keys(paths['/rpc/rename_book']!), 'what changes rows is not called by GET').toEqual(['post'])
  expect(Object.keys(paths['/rpc/search_books']!).sort()).toEqual(['get', 'post'])
  expect(paths['/book_covers/{id}'], 'a key of which the view leaves the tenant out').toBeDefined()
  expect(paths['/book_tags/{id}'], 'a key of three columns').toBeUndefined()
})

test('keys are seen through views, where they hold', async () => {
  const { schemas } = (await describedTo('ann')).components
  const told = (relation: string, column: string) => schemas[relation]!.properties![column]!.description
  expect(told('books_in_print', 'book'), 'a view over a view').toBe('The primary key.')
  expect(told('book_list', 'id'), 'a join that adds no row').toBe('The primary key.')
  expect(schemas.book_list!.properties!.author_name!.type, 'of the joined side').toEqual(['string', 'null'])
  expect(told('book_covers', 'book_id'), 'the tenant is left out, and decided by the book').toBe(
    'The primary key.\n\nRefers to `book_list.id`, `books.id`, `books_in_print.book`.',
  )
  expect(told('book_counts', 'author_id'), 'a sum has no key').toBe('Refers to `authors.id`.')
  expect(told('copies', 'room'), 'a key of three columns is no matter of one').toBeUndefined()
})

test('an unchanged description is not sent again', async () => {
  const first = await ask('ann')
  const etag = first.headers.etag!
  expect(first.headers['cache-control']).toBe('private, no-cache')
  expect(first.headers.vary).toContain('Cookie')
  const again = await ask('ann', '/api/', { 'if-none-match': etag })
  expect([again.status, again.text]).toEqual([304, ''])
  expect((await ask('olga', '/api/', { 'if-none-match': etag })).status, "another role's").toBe(200)
  expectError(await call('GET', '/api/', { url: rest.url, headers: { 'if-none-match': etag } }), 401, 'signed out')
})

test('DDL shows while requests go on, and none of them fails', async () => {
  let over = false
  const answers: Answer[] = []
  async function client(who: RestUser): Promise<void> {
    while (!over) for (const path of ['/api/tags', '/api/books', '/api/']) answers.push(await ask(who, path))
  }
  const clients = Promise.all([client('ann'), client('ben'), client('olga')])
  try {
    await rest.sqlMeanwhile(`set role rest_owner; alter table app.tags add colour varchar(7);
      create or replace view api.tags with (security_invoker = true) as select id, label, colour from app.tags;
      comment on column app.tags.colour is 'As in CSS.'`)
    await untilDescribed((now) =>
      expect(now.components.schemas.tags!.properties!.colour).toEqual({ type: ['string', 'null'], maxLength: 7, description: 'As in CSS.' }),
    )
    expect(JSON.parse((await ask('ben', '/api/tags')).text)).toEqual([{ id: 4, label: 'classic', colour: null }])

    await rest.sqlMeanwhile(`set role rest_owner; set client_min_messages = error;
      create table app.genres (id bigint generated always as identity primary key, tenant_id bigint not null, name text not null)`)
    await rest.sqlMeanwhile(`select count(*) from tenancy.protect('app.genres'); set role rest_owner;
      create view api.genres with (security_invoker = true) as select id, name from app.genres;
      grant select, insert on api.genres to tenancy_user`)
    await untilDescribed((now) => expect(Object.keys(now.paths['/genres'] ?? {}).sort()).toEqual(['get', 'post']))
    expect((await describedTo('olga')).paths['/genres']).toBeUndefined()
    await expect(async () => expect((await ask('ann', '/api/genres')).text).toBe('[]')).toPass({ intervals: [50] })

    await rest.sqlMeanwhile('revoke insert on api.genres from tenancy_user')
    await untilDescribed((now) => expect(Object.keys(now.paths['/genres'] ?? {})).toEqual(['get']))
    await rest.sqlMeanwhile('revoke select on api.genres from tenancy_user; grant select (name) on api.genres to tenancy_user')
    await untilDescribed((now) => expect(columnsOf(now, 'genres')).toEqual(['name']))
    await rest.sqlMeanwhile('drop table app.genres cascade')
    await untilDescribed((now) => expect(now.paths['/genres']).toBeUndefined())
    expectError(await ask('ann', '/api/genres'), 404, 'dropped')

    await rest.sqlMeanwhile(`alter type app.book_status add value 'lost'`)
    await untilDescribed((now) => expect(now.components.schemas.books!.properties!.status!.enum).toContain('lost'))
  } finally {
    over = true
    await clients
  }
  expect(answers.length).toBeGreaterThan(30)
  expect(answers.filter((answer) => answer.status !== 200).map((answer) => answer.text)).toEqual([])
})

test('what changes while the listening connection is away is seen when it is back', async () => {
  // With the extension's trigger off, nobody tells of it.
  rest.sql(`alter event trigger tenancy_schema_change disable`)
  rest.sql(`comment on schema api is 'Changed meanwhile.'`)
  expect((await describedTo('ann')).info.description).toBe('Books and who wrote them.')
  rest.sql(`select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = :'name'`, { name: rest.database })
  await untilDescribed((now) => expect(now.info.description).toBe('Changed meanwhile.'))
})

test("PostgREST's channel is heard too", async () => {
  rest.sql(`comment on schema api is 'By hand.'; notify pgrst, 'reload schema'`)
  await untilDescribed((now) => expect(now.info.description).toBe('By hand.'))
  rest.sql('alter event trigger tenancy_schema_change enable always')
})

test('what nobody told of is looked for when a request names it', async () => {
  rest.sql(`alter event trigger tenancy_schema_change disable; alter event trigger tenancy_schema_drop disable`)
  try {
    // A look may have been a moment ago, and the next one comes a second later; the look of each minute is too seldom for this.
    const soon = { intervals: [100], timeout: 10_000 }
    const found = async (path: string, text: string) =>
      expect(async () => expect((await ask('ann', path)).text).toBe(text)).toPass(soon)
    const view = (columns: string) => rest.sql(`set role rest_owner; create view api.quiet with (security_invoker = true) as select ${columns} from app.tags where id = 1;
      grant select on api.quiet to tenancy_user`)

    view('id, label')
    expect((await describedTo('ann')).paths['/quiet'], 'nobody told').toBeUndefined()
    await found('/api/quiet', '[{"id":1,"label":"classic"}]')
    expect((await describedTo('ann')).paths['/quiet'], 'for all that comes after').toBeDefined()

    rest.sql('drop view api.quiet')
    view('id, label as name')
    await found('/api/quiet?select=name', '[{"name":"classic"}]')

    rest.sql(`create function api.quiet_sum(a integer) returns integer language sql immutable as 'select a + 1'`)
    await found('/api/rpc/quiet_sum?a=1', '2')

    // The statement is known and no longer fits: an answer of the schema, and not a failure.
    rest.sql('drop view api.quiet')
    await expect(async () => expect(expectError(await ask('ann', '/api/quiet?select=name'), 404).code).toBe('PGRST205')).toPass(soon)
  } finally {
    rest.sql(`drop view if exists api.quiet; drop function if exists api.quiet_sum(integer);
      alter event trigger tenancy_schema_change enable always; alter event trigger tenancy_schema_drop enable always`)
  }
})

test('with --schema-poll changes are seen without a notification', async () => {
  const polling = await startRest(['--schema-poll=1'])
  try {
    const token = await polling.login('ann')
    const description = async () => (JSON.parse((await call('GET', '/api/', { token, url: polling.url })).text) as Document).info.description
    expect(await description()).toBe('Books and who wrote them.')
    polling.sql(`alter event trigger tenancy_schema_change disable`)
    polling.sql(`comment on schema api is 'Polled.'`)
    await expect(async () => expect(await description()).toBe('Polled.')).toPass({ intervals: [50] })
  } finally {
    await polling.stop()
  }
})

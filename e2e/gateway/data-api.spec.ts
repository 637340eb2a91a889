import { expect, test } from '@playwright/test'
import { call, expectError, type Answer, type Call } from '../support/http'
import { startRest, type RestGateway, type RestUser } from '../support/rest'

/** What the public client cannot say: streams, keyset pages, addresses of single rows, headers, malformed and hostile requests. */
test.use({ trace: 'off' })
test.describe.configure({ mode: 'default' })

let rest: RestGateway
const tokens = {} as Record<RestUser, string>

test.beforeAll(async () => {
  rest = await startRest()
  for (const user of ['ann', 'ben', 'olga'] as const) tokens[user] = await rest.login(user)
})
test.afterAll(async () => rest?.stop())

async function ask(method: string, path: string, headers: Record<string, string> = {}, more: Call = {}, who: RestUser = 'ann'): Promise<Answer> {
  return call(method, `/api/${path}`, { token: tokens[who], url: rest.url, headers, ...more })
}
async function rows(path: string, headers: Record<string, string> = {}): Promise<Record<string, unknown>[]> {
  const answer = await ask('GET', path, headers)
  expect(answer.status, answer.text).toBeLessThan(300)
  return JSON.parse(answer.text) as Record<string, unknown>[]
}
const everything = () =>
  rest.sql(`select md5(string_agg(x, ' ' order by x)) from (
    select to_jsonb(a)::text x from app.authors a union all select to_jsonb(b)::text from app.books b union all
    select to_jsonb(s)::text from app.settings s union all select to_jsonb(t)::text from app.tags t union all
    select to_jsonb(c)::text from app.copies c) x`)

test.describe('one row by its address', () => {
  test('is read, also with a select', async () => {
    expect(JSON.parse((await ask('GET', 'authors/2?select=name,books(id)')).text)).toEqual({ name: 'Stanisław Lem', books: [{ id: 3 }, { id: 4 }] })
    expect((await ask('GET', 'authors/2?select=name', { accept: 'text/csv' })).text).toBe('name\nStanisław Lem')
    expect(expectError(await ask('GET', 'authors/4'), 404).code).toBe('TNCY404')
    expect(expectError(await ask('GET', 'authors/2?name=eq.Nobody'), 404).code).toBe('TNCY404')
  })

  test('is changed, replaced and deleted', async () => {
    const made = await ask('POST', 'tags', { prefer: 'return=headers-only' }, { body: { label: 'made' } })
    expect(made.status).toBe(201)
    expect(made.text).toBe('')
    expect(made.headers.location).toMatch(/^\/api\/tags\?id=eq\.\d+$/)
    const [{ id }] = (await rows(made.headers.location!.slice(5))) as [{ id: number }]
    const changed = await ask('PATCH', `tags/${id}`, { prefer: 'return=representation' }, { body: { label: 'changed' } })
    expect([changed.status, JSON.parse(changed.text)]).toEqual([200, { id, label: 'changed' }])
    expect((await ask('PATCH', `tags/${id}`, {}, { body: { label: 'again' } })).status).toBe(204)
    expect((await ask('DELETE', `tags/${id}`)).status).toBe(204)
    for (const method of ['PATCH', 'DELETE']) {
      expect(expectError(await ask(method, `tags/${id}`, {}, method === 'PATCH' ? { body: { label: 'x' } } : {}), 404).code).toBe('TNCY404')
    }
  })

  test("of another tenant is neither changed nor deleted, and looks like a missing one", async () => {
    const before = everything()
    for (const id of [4, 999]) {
      const patch = expectError(await ask('PATCH', `authors/${id}`, {}, { body: { name: 'Mine' } }), 404)
      expect(expectError(await ask('DELETE', `authors/${id}`), 404)).toEqual(patch)
    }
    expect(everything()).toBe(before)
  })

  test('PUT makes it or replaces it, by its whole key and nothing else', async () => {
    const value = () => rest.sql(`select value from app.settings where tenant_id = 1 and name = 'put'`)
    const put = (query: string, body: object) => ask('PUT', `settings?${query}`, {}, { body })
    expect((await put('name=eq.put', { name: 'put', value: 1 })).status).toBe(204)
    expect(value()).toBe('1')
    expect((await put('name=eq.put', { value: 2 })).status).toBe(204)
    expect(value()).toBe('2')
    expect(expectError(await put('name=eq.put', { name: 'other', value: 3 }), 400).code).toBe('PGRST115')
    expect(expectError(await put('value=eq.2', { name: 'put' }), 405).code).toBe('PGRST105')
    expectError(await put('name=eq.colour&tenant_id=eq.2', { value: 'mine' }), 403)
    expect(value()).toBe('2')
    expect(rest.sql(`select value from app.settings where tenant_id = 2`)).toBe('"blue"')
    await ask('DELETE', 'settings?name=eq.put')
  })
})

test('keyset pages come to the end, each row once', async () => {
  const seen: unknown[] = []
  let after: string | undefined = ''
  for (let page = 0; after !== undefined; page++) {
    expect(page).toBeLessThan(5)
    const answer = await ask('GET', `books?select=id&order=author_id.desc,id&limit=2&after=${after}`)
    seen.push(...(JSON.parse(answer.text) as { id: number }[]).map(({ id }) => id))
    after = answer.headers['next-after'] as string | undefined
  }
  expect(seen).toEqual([3, 4, 1, 2])
  expectError(await ask('GET', 'books?after=x!'), 400)
  // A token from anybody's rows is a place in the order, and shows no more than one's own.
  const others = await call('GET', '/api/books?select=id&limit=1&after=', { token: tokens.olga, url: rest.url })
  const from = await call('GET', `/api/books?select=id&limit=9&after=${others.headers['next-after'] as string}`, { token: tokens.ben, url: rest.url })
  expect(JSON.parse(from.text)).toEqual([{ id: 5 }])
})

test.describe('lines', () => {
  const lines = { accept: 'application/x-ndjson' }

  test('one for each row, in order, for the own tenant alone', async () => {
    const answer = await ask('GET', 'authors?select=id,name&order=id', lines)
    expect(answer.headers).toMatchObject({ 'content-type': 'application/x-ndjson; charset=utf-8', 'transfer-encoding': 'chunked', 'tenancy-context': 'user=1&tenant=1' })
    expect(answer.text).toBe('{"id":1,"name":"Mary Shelley"}\n{"id":2,"name":"Stanisław Lem"}\n{"id":3,"name":"Nobody Yet"}\n')
    expect((await ask('GET', 'authors?id=eq.4', lines)).text).toBe('')
  })

  test('more than an answer of JSON may hold, and the connection goes on', async () => {
    rest.sql(`insert into app.tags (tenant_id, label) select 1 + (n % 2), 'line ' || n from generate_series(1, 20000) n`)
    try {
      const answer = await ask('GET', 'tags?label=like.line*&order=id', lines)
      const labels = answer.text.trimEnd().split('\n').map((line) => (JSON.parse(line) as { label: string }).label)
      expect(labels).toEqual(Array.from({ length: 10_000 }, (_, n) => `line ${2 * n + 2}`))
      expect(await rows('tags?label=like.line*&select=id')).toHaveLength(1000)
    } finally {
      rest.sql(`delete from app.tags where label like 'line %'`)
    }
  })

  test('what is wrong before the first line is an answer, what is wrong after it breaks the answer off', async () => {
    expectError(await ask('GET', 'authors?select=nothing', lines), 400)
    expectError(await ask('GET', 'sessions_of_all', lines), 403)
    expectError(await ask('GET', 'authors', lines, { token: 'x'.repeat(43) }), 401)
    expectError(await ask('POST', 'authors', lines, { body: { name: 'x' } }), 406)
    rest.sql(`insert into app.tags (tenant_id, label) select 1, 'broken ' || n from generate_series(1, 20000) n`)
    rest.sql(`create view api.broken with (security_invoker = true) as
      select label, case when label = 'broken 19999' then 1 / (id - id) else 1 end as one from app.tags;
      grant select on api.broken to tenancy_user; notify tenancy_schema`)
    try {
      await expect(async () => expect((await ask('GET', 'broken?select=label&limit=1')).status).toBe(200)).toPass({ intervals: [50] })
      await expect(ask('GET', 'broken', lines)).rejects.toThrow(/aborted|hang up|ECONNRESET/)
      expect(await rows('authors?select=id')).toHaveLength(3)
    } finally {
      rest.sql(`drop view api.broken; delete from app.tags where label like 'broken %'`)
    }
  })
})

test.describe('headers', () => {
  test('Prefer is answered by what was applied', async () => {
    const answer = await ask('PATCH', 'authors?id=eq.3', { prefer: 'return=representation, count=exact, tx=rollback, nonsense=1' }, { body: { name: 'x' } })
    expect(answer.status).toBe(200)
    expect(answer.headers['preference-applied']).toBe('return=representation, count=exact, tx=rollback')
    expect(answer.headers['content-range']).toBe('0-0/1')
    expect(rest.sql('select name from app.authors where id = 3')).toBe('Nobody Yet')
    expect(expectError(await ask('GET', 'authors', { prefer: 'handling=strict, nonsense=1' }), 400).code).toBe('PGRST122')
  })

  test('max-affected counts what a write changed', async () => {
    const prefer = 'handling=strict, max-affected=2'
    const before = everything()
    expect(expectError(await ask('DELETE', 'copies?id=gt.0', { prefer }), 400).code).toBe('PGRST124')
    expect(everything()).toBe(before)
  })

  test('Range and what it gives', async () => {
    const part = await ask('GET', 'books?select=id&order=id', { range: '1-2', 'range-unit': 'items', prefer: 'count=exact' })
    expect([part.status, part.headers['content-range'], JSON.parse(part.text)]).toEqual([206, '1-2/4', [{ id: 2 }, { id: 3 }]])
    expect((await ask('GET', 'books?select=id', { range: '0-' })).headers['content-range']).toBe('0-3/*')
    expect((await ask('GET', 'books?select=id', { range: 'bytes=0-1' })).status).toBe(200)
    expectError(await ask('GET', 'books', { range: '2-1' }), 416)
    expect((await ask('HEAD', 'books', { prefer: 'count=exact' })).headers['content-range']).toBe('0-3/4')
  })

  test('forms of the answer and of the body', async () => {
    for (const accept of ['*/*', 'text/html, application/json;q=0.9', 'application/vnd.pgrst.array+json', 'text/csv;q=0.1, application/*']) {
      expect((await ask('GET', 'authors?select=id', { accept })).headers['content-type'], accept).toBe('application/json; charset=utf-8')
    }
    expect((await ask('GET', 'authors', { accept: 'application/json;q=0.2, text/csv' })).headers['content-type']).toBe('text/csv; charset=utf-8')
    for (const accept of ['text/html', 'application/vnd.pgrst.object+json;nulls=stripped', 'application/json;q=0']) {
      expect(expectError(await ask('GET', 'authors', { accept }), 406, accept).code).toBe('PGRST107')
    }
    for (const type of ['text/plain', 'multipart/form-data', 'application/json; charset=latin1', 'application/xml']) {
      expectError(await ask('POST', 'tags', { 'content-type': type }, { body: '{"label":"x"}' }), 415, type)
    }
    const write = async (type: string, body: string) => ask('POST', 'tags?select=label', { 'content-type': type, prefer: 'return=representation, tx=rollback' }, { body })
    expect(JSON.parse((await write('text/csv', 'label\na\n"b,c"\n')).text)).toEqual([{ label: 'a' }, { label: 'b,c' }])
    expect(JSON.parse((await write('application/x-www-form-urlencoded', 'label=a+b')).text)).toEqual([{ label: 'a b' }])
    expect(JSON.parse((await write('application/json; charset=utf-8', '{"label":"é"}')).text)).toEqual([{ label: 'é' }])
  })

  test('a page of another site changes nothing', async () => {
    const before = everything()
    for (const headers of [{ origin: 'https://elsewhere.example' }, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }] as Record<string, string>[]) {
      for (const method of ['POST', 'PATCH', 'PUT', 'DELETE']) {
        expectError(await ask(method, 'tags?id=eq.1', headers, { body: { label: 'theirs' } }), 403, method)
      }
      expectError(await ask('POST', 'rpc/rename_book', headers, { body: { book: 1, new_title: 'theirs' } }), 403)
    }
    expect(everything()).toBe(before)
  })
})

test('a reading request cannot write, whatever it calls', async () => {
  rest.sql(`create function api.sly() returns bigint language plpgsql stable set transaction_read_only = off as
      $$ declare n bigint; begin execute 'update api.tags set label = label || ''!'' where id = 1 returning id' into n; return n; end $$;
    create function api.sly_write() returns bigint language sql volatile as 'update api.tags set label = label || ''!'' where id = 1 returning id';
    create function api.sly_too() returns bigint language sql stable as 'select api.sly_write()'`)
  try {
    const before = everything()
    rest.sql('notify tenancy_schema')
    for (const name of ['sly', 'sly_too']) {
      await expect(async () => {
        for (const method of ['GET', 'POST']) {
          const answer = await ask(method, `rpc/${name}`)
          expect(answer.text, 'known by now').not.toContain('PGRST202')
          expect(answer.status, answer.text).toBeGreaterThanOrEqual(400)
        }
      }).toPass({ intervals: [50] })
    }
    expect(everything()).toBe(before)
  } finally {
    rest.sql('drop function api.sly(); drop function api.sly_too(); drop function api.sly_write()')
  }
})

test('a table that was made, changed and dropped: no restart, no wrong answer', async () => {
  rest.sql(`create view api.shorts with (security_invoker = true) as select id, label from app.tags; grant select on api.shorts to tenancy_user`)
  await expect(async () => expect((await ask('GET', 'shorts?id=eq.1')).text).toBe('[{"id":1,"label":"classic"}]')).toPass({ intervals: [50] })
  await ask('GET', 'shorts?id=eq.1')
  rest.sql(`drop view api.shorts; create view api.shorts with (security_invoker = true) as select label, id::text from app.tags; grant select on api.shorts to tenancy_user`)
  await expect(async () => expect((await ask('GET', 'shorts?id=eq.1')).text).toBe('[{"label":"classic","id":"1"}]')).toPass({ intervals: [50] })
  rest.sql('drop view api.shorts')
  await expect(async () => expectError(await ask('GET', 'shorts'), 404)).toPass({ intervals: [50] })
})

test('what the commit refuses is not told as done', async () => {
  rest.sql(`create function app.refuse_late() returns trigger language plpgsql as
      $$ begin if new.name = 'Late' then raise exception 'too late' using errcode = '23514'; end if; return null; end $$;
    create constraint trigger late after insert on app.employees deferrable initially deferred for each row execute function app.refuse_late()`)
  try {
    for (const headers of [{}, { prefer: 'return=representation', accept: 'application/vnd.pgrst.object+json' }] as Record<string, string>[]) {
      expect(expectError(await ask('POST', 'employees', headers, { body: { name: 'Late' } }), 400).code).toBe('23514')
      expect((await ask('POST', 'employees', headers, { body: { name: 'In time' } })).status).toBe(201)
    }
    expect(rest.sql(`select string_agg(name, ',') from app.employees where name in ('Late', 'In time')`)).toBe('In time,In time')
  } finally {
    rest.sql(`drop trigger late on app.employees; drop function app.refuse_late(); delete from app.employees where name = 'In time'`)
  }
})

test.describe('hostile requests', () => {
  const sql = ["'", '"', `'; drop table tags; --`, `"; drop table tags; --`, '$1', '$$', `\\`, `') or true --`, ') or 1=1 --', '::text', 'pg_sleep(9)', '*/', '/*', 'é\u2028', "1' union all table credentials --"]

  test('SQL in each place of a query does nothing', async () => {
    const before = everything()
    for (const text of sql) {
      const t = encodeURIComponent(text)
      for (const path of [
        `tags?select=${t}`, `tags?select=id::${t}`, `tags?select=x${t}:id`, `tags?select=books!${t}(id)`, `tags?select=${t}(id)`,
        `tags?${t}=eq.1`, `tags?id=${t}`, `tags?id=eq.${t}`, `tags?label=eq.${t}`, `tags?label=in.(${t})`, `tags?label=like.${t}`, `tags?label=match.${t}`,
        `tags?order=${t}`, `tags?order=id.${t}`, `tags?limit=${t}`, `tags?offset=${t}`, `tags?or=(${t})`, `tags?or=(label.eq.${t})`, `tags?after=${t}`,
        `authors?select=address->${t}`, `authors?address->>${t}=eq.1`, `authors?aliases=cs.{${t}}`, `books?search=fts(${t}).x`, `books?search=fts.${t}`, `books?on_sale=ov.${t}`,
        `${t}`, `tags/${t}`, `rpc/${t}`, `rpc/add_numbers?a=${t}`, `rpc/add_numbers?a=1&${t}=1`, `rpc/search_books?words=${t}`, `tags?columns=${t}`, `tags?on_conflict=${t}`,
      ]) {
        const answer = await ask('GET', path)
        expect(answer.status, `${path} ${answer.text}`).toBeLessThan(500)
        if (answer.status >= 400) expectError(answer, answer.status, path)
        else expect(answer.text, path).not.toMatch(/\\$2|Le Guin/)
      }
      for (const [path, body] of [
        [`tags?columns=${t}`, { label: 'x' }], [`tags?on_conflict=${t}`, { label: 'x' }], ['tags', { [text]: 'x' }], ['tags', [{ label: 'a', [text]: null }]], ['rpc/add_numbers', { a: text }],
        ['rpc/add_numbers', { a: 1, [text]: 1 }], [`tags?select=${t}`, { label: 'x' }],
      ] as const) {
        const answer = await ask('POST', path, { prefer: 'resolution=merge-duplicates, return=representation, tx=rollback, missing=default' }, { body })
        expect(answer.status, `${path} ${answer.text}`).toBeLessThan(500)
      }
      const stored = await ask('POST', 'tags?select=label', { prefer: 'return=representation, tx=rollback' }, { body: { label: text } })
      expect(JSON.parse(stored.text), text).toEqual([{ label: text }])
    }
    expect(everything()).toBe(before)
  })

  test('broken and oversized ones are refused', async () => {
    for (const body of ['', '{', '[]x', '{"label":"a","label":"b"}', '"x"', '[1]', '{"label":"\\u0000"}', '\0', `${'['.repeat(500)}${']'.repeat(500)}`, '{"label":"\xff"}']) {
      expectError(await ask('POST', 'tags', { prefer: 'tx=rollback' }, { body: Buffer.from(body, 'latin1') }), 400, body.slice(0, 20))
    }
    for (const query of [
      'select=((', 'or=(', 'or=()', `or=${'and('.repeat(50)}`, 'id=eq', 'id=nothing.1', 'limit=-1', 'limit=x', 'offset=-1', 'id=in.1', 'order=id.up', `select=${'books('.repeat(30)}`, `${'id=eq.1&'.repeat(150)}id=eq.1`,
      `id=in.(${Array.from({ length: 1500 }, (_, n) => n).join(',')})`, 'label=eq.%00', 'label=eq.%ff', 'select=%', 'id=is.1', 'label=fts(.x',
    ]) {
      expectError(await ask('GET', `tags?${query}`), 400, query.slice(0, 40))
    }
    expectError(await ask('DELETE', 'tags?limit=1&id=gt.0'), 400)
    expectError(await ask('PATCH', 'tags?id=eq.1', {}, { body: [{ label: 'a' }, { label: 'b' }] }), 400)
  })
})

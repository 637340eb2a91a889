import { PostgrestClient, type PostgrestSingleResponse } from '@supabase/postgrest-js'
import { expect, test } from '@playwright/test'
import { startRest, type RestGateway, type RestUser } from '../support/rest'

/**
 * The public client against a gateway of its own: what its README offers works, for the rows of the tenant that asks. Tests
 * that change rows undo it or work on rows that they made.
 */
test.use({ trace: 'off' })
test.describe.configure({ mode: 'default' })

// The client knows rows of any form, and the preferences of PostgREST 13.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Client = PostgrestClient<any, { PostgrestVersion: '13' }>

let rest: RestGateway
const clients = {} as Record<RestUser, Client>

test.beforeAll(async () => {
  rest = await startRest()
  for (const user of ['ann', 'ben', 'olga'] as const) {
    clients[user] = new PostgrestClient(`${rest.url}/api`, { headers: { Authorization: `Bearer ${await rest.login(user)}` } })
  }
})
test.afterAll(async () => rest?.stop())

const ann = () => clients.ann
const ben = () => clients.ben

/** The rows, or the test fails with what the gateway said. */
async function data<T>(asked: PromiseLike<PostgrestSingleResponse<T>>): Promise<T> {
  const { data: rows, error } = await asked
  expect(error).toBeNull()
  return rows as T
}

async function refused(
  asked: PromiseLike<PostgrestSingleResponse<unknown>>,
  status: number,
  code: string,
): Promise<{ message: string; details: string; hint: string }> {
  const answer = await asked
  expect({ status: answer.status, code: answer.error?.code }, JSON.stringify(answer)).toEqual({ status, code })
  return answer.error!
}

/** What the other tenant's tables hold: no test of ann's may change it. */
const othersRows = () =>
  rest.sql(`select json_agg(x order by x::text) from (
    select to_jsonb(a) x from app.authors a where tenant_id = 2 union all select to_jsonb(b) from app.books b where tenant_id = 2
    union all select to_jsonb(s) from app.settings s where tenant_id = 2
    union all select to_jsonb(t) from app.tags t where tenant_id = 2) x`)

test.describe('reads', () => {
  test('columns, aliases, casts and JSON paths', async () => {
    expect(await data(ann().from('authors').select('id, who:name, born::text, city:address->>city, address->rooms->0').eq('id', 1))).toEqual([
      { id: 1, who: 'Mary Shelley', born: '1797-08-30', city: 'London', rooms: 1 },
    ])
    expect(await data(ann().from('books').select('id::text,price::text').eq('id', 1))).toEqual([{ id: '1', price: '7.50' }])
  })

  test('each tenant sees its own rows, and an admin all', async () => {
    const ids = async (user: RestUser) => (await data(clients[user].from('authors').select('id').order('id'))).map(({ id }) => id as number)
    expect(await ids('ann')).toEqual([1, 2, 3])
    expect(await ids('ben')).toEqual([4])
    expect(await ids('olga')).toEqual([1, 2, 3, 4])
  })

  type Query = ReturnType<ReturnType<Client['from']>['select']>
  const filters: [string, (query: Query) => Query, number[]][] = [
    ['eq', (q) => q.eq('title', 'Solaris'), [3]],
    ['neq', (q) => q.neq('title', 'Solaris'), [1, 2, 4]],
    ['gt', (q) => q.gt('pages', 280), [2]],
    ['gte', (q) => q.gte('pages', 280), [1, 2]],
    ['lt', (q) => q.lt('pages', 280), [3]],
    ['lte', (q) => q.lte('pages', 280), [1, 3]],
    ['like', (q) => q.like('title', 'The%'), [2, 4]],
    ['ilike', (q) => q.ilike('title', 'the%'), [2, 4]],
    ['likeAnyOf', (q) => q.likeAnyOf('title', ['Sol%', 'Fra%']), [1, 3]],
    ['likeAllOf', (q) => q.likeAllOf('title', ['The%', '%Man']), [2]],
    ['ilikeAnyOf', (q) => q.ilikeAnyOf('title', ['sol%', 'FRA%']), [1, 3]],
    ['ilikeAllOf', (q) => q.ilikeAllOf('title', ['the%', '%MAN']), [2]],
    ['match by pattern', (q) => q.filter('title', 'match', '^S'), [3]],
    ['imatch', (q) => q.filter('title', 'imatch', '^s'), [3]],
    ['regexMatch', (q) => q.regexMatch('title', '^S'), [3]],
    ['regexIMatch', (q) => q.regexIMatch('title', '^s'), [3]],
    ['isDistinct', (q) => q.isDistinct('pages', 280), [2, 3, 4]],
    ['notIn', (q) => q.notIn('id', [1, 2]), [3, 4]],
    ['not in', (q) => q.not('id', 'in', '(1,2)'), [3, 4]],
    ['is null', (q) => q.is('pages', null), [4]],
    ['not is null', (q) => q.not('pages', 'is', null), [1, 2, 3]],
    ['isdistinct', (q) => q.filter('pages', 'isdistinct', '280'), [2, 3, 4]],
    ['in', (q) => q.in('title', ['Solaris', 'a,b', 'qu"ote']), [3]],
    ['in an enumeration', (q) => q.in('status', ['draft', 'sold out']), [2, 4]],
    ['contains of an array', (q) => q.contains('keywords', ['science']), [1, 3]],
    ['containedBy', (q) => q.containedBy('keywords', ['plague', 'x']), [2, 4]],
    ['overlaps', (q) => q.overlaps('keywords', ['ocean', 'plague']), [2, 3]],
    ['rangeGt', (q) => q.rangeGt('on_sale', '[2026-01-01,2026-02-02)'), [3]],
    ['rangeGte', (q) => q.rangeGte('on_sale', '[2026-02-01,2026-02-02)'), [3]],
    ['rangeLt', (q) => q.rangeLt('on_sale', '[2026-02-15,2026-03-02)'), [1]],
    ['rangeLte', (q) => q.rangeLte('on_sale', '[2026-01-15,2026-02-15)'), [1]],
    ['rangeAdjacent', (q) => q.rangeAdjacent('on_sale', '[2026-02-01,2026-03-01)'), [1, 3]],
    ['textSearch', (q) => q.textSearch('search', 'last & man'), [2]],
    ['textSearch, plain', (q) => q.textSearch('search', 'last man', { type: 'plain', config: 'english' }), [2]],
    ['textSearch, phrase', (q) => q.textSearch('search', 'last man', { type: 'phrase' }), [2]],
    ['textSearch, websearch', (q) => q.textSearch('search', 'solaris or man', { type: 'websearch' }), [2, 3]],
    ['match of several columns', (q) => q.match({ author_id: 2, status: 'draft' }), [4]],
    ['or', (q) => q.or('pages.gt.400,title.eq.Solaris'), [2, 3]],
    ['or with and, not', (q) => q.or('and(pages.gt.200,pages.lt.250),not.and(pages.not.is.null,id.gt.0)'), [3, 4]],
    ['a JSON path', (q) => q.eq('details->cover->>hard', 'true'), [1]],
    ['a JSON number', (q) => q.gt('details->editions', 2), [1]],
  ]
  for (const [name, filter, ids] of filters) {
    test(`filter ${name}`, async () => {
      const rows = await data(filter(ann().from('books').select('id').order('id') as unknown as Query))
      expect((rows as { id: number }[]).map(({ id }) => id)).toEqual(ids)
    })
  }

  test('order, nulls, limit and range', async () => {
    const titles = async (asked: PromiseLike<PostgrestSingleResponse<{ id: number }[]>>) => (await data(asked)).map(({ id }) => id)
    expect(await titles(ann().from('books').select('id').order('pages', { ascending: false, nullsFirst: false }))).toEqual([2, 1, 3, 4])
    expect(await titles(ann().from('books').select('id').order('pages', { nullsFirst: true }).limit(2))).toEqual([4, 3])
    expect(await titles(ann().from('books').select('id').order('author_id').order('title', { ascending: false }))).toEqual([2, 1, 4, 3])
    expect(await titles(ann().from('books').select('id').order('id').range(1, 2))).toEqual([2, 3])
  })

  test('counts, with and without rows', async () => {
    for (const count of ['exact', 'planned', 'estimated'] as const) {
      const page = await ann().from('books').select('id', { count }).order('id').limit(2)
      expect(page).toMatchObject({ status: 206, count: 4, data: [{ id: 1 }, { id: 2 }] })
      expect(await ann().from('books').select('*', { count, head: true })).toMatchObject({ status: 200, count: 4, data: null })
      expect(await ben().from('books').select('*', { count, head: true })).toMatchObject({ count: 1 })
    }
    expect(await ann().from('books').select('id', { count: 'exact' }).range(9, 10)).toMatchObject({ status: 416, error: { code: 'PGRST103' } })
  })

  test('one object, perhaps one, none', async () => {
    expect(await data(ann().from('authors').select('name').eq('id', 2).single())).toEqual({ name: 'Stanisław Lem' })
    expect(await data(ann().from('authors').select('name').eq('id', 2).maybeSingle())).toEqual({ name: 'Stanisław Lem' })
    expect(await data(ann().from('authors').select('name').eq('id', 4).maybeSingle())).toBeNull()
    expect((await refused(ann().from('authors').select().eq('id', 4).single(), 406, 'PGRST116')).details).toContain('0 rows')
    expect((await refused(ann().from('authors').select().single(), 406, 'PGRST116')).details).toContain('3 rows')
  })

  test('an answer that throws, one that is given up, and headers of one request', async () => {
    await expect(ann().from('bookz').select().throwOnError()).rejects.toMatchObject({ code: 'PGRST205', hint: "Perhaps you mean 'books'." })
    expect(await data(ann().from('authors').select('id').eq('id', 1).throwOnError())).toEqual([{ id: 1 }])
    expect((await ann().from('authors').select('id').abortSignal(AbortSignal.abort())).error?.message).toContain('AbortError')
    expect(await data(ann().from('authors').select('id').eq('id', 1).abortSignal(AbortSignal.timeout(30_000)).retry(false))).toEqual([{ id: 1 }])
    expect(await data(ann().from('authors').select('id').order('id').setHeader('Range', '1-1'))).toEqual([{ id: 2 }])
  })

  test("the client's options", async () => {
    const asked: string[] = []
    const token = await rest.login('ben')
    const client = new PostgrestClient(`${rest.url}/api`, {
      headers: { Authorization: `Bearer ${token}` },
      schema: 'api',
      timeout: 30_000,
      fetch: (input, init) => {
        asked.push(input instanceof Request ? input.url : input.toString())
        return fetch(input, init)
      },
    })
    expect(await data(client.from('authors').select('id'))).toEqual([{ id: 4 }])
    expect(asked).toEqual([`${rest.url}/api/authors?select=id`])
  })

  test('CSV', async () => {
    expect(await data(ann().from('authors').select('id,name,born').order('id').csv())).toBe(
      'id,name,born\n1,Mary Shelley,1797-08-30\n2,Stanisław Lem,1921-09-12\n3,Nobody Yet,',
    )
  })
})

test.describe('embedding', () => {
  test('to one, to many, many to many, and deeper', async () => {
    expect(
      await data(ann().from('books').select('title, authors(name, countries(name)), tags(label), copies(condition)').eq('id', 1).single()),
    ).toEqual({
      title: 'Frankenstein',
      authors: { name: 'Mary Shelley', countries: { name: 'United Kingdom' } },
      tags: [{ label: 'classic' }],
      copies: expect.arrayContaining([{ condition: 'new' }, { condition: 'worn' }]) as unknown,
    })
  })

  test('renamed, by the key that is meant, by composite keys, spread', async () => {
    expect(
      await data(
        ann().from('messages').select('body, from:authors!messages_sender_id_fkey(name), to:authors!messages_receiver_id_fkey(name)').order('id').limit(1).single(),
      ),
    ).toEqual({ body: 'Hello', from: { name: 'Mary Shelley' }, to: { name: 'Stanisław Lem' } })
    expect(await data(ann().from('copies').select('id, shelves(room, number)').eq('id', 2).single())).toEqual({ id: 2, shelves: { room: 'hall', number: 2 } })
    expect(await data(ann().from('books').select('title, ...authors(author:name)').eq('id', 3).single())).toEqual({ title: 'Solaris', author: 'Stanisław Lem' })
  })

  test('inner, filtered, ordered and limited', async () => {
    expect(await data(ann().from('authors').select('id, books!inner(id)').eq('books.status', 'draft'))).toEqual([{ id: 2, books: [{ id: 4 }] }])
    expect(await data(ann().from('authors').select('id, books(id)').eq('books.status', 'draft').order('id'))).toEqual([
      { id: 1, books: [] },
      { id: 2, books: [{ id: 4 }] },
      { id: 3, books: [] },
    ])
    expect(
      await data(
        ann().from('authors').select('id, books(id)').eq('id', 1).order('id', { referencedTable: 'books', ascending: false }).limit(1, { referencedTable: 'books' }),
      ),
    ).toEqual([{ id: 1, books: [{ id: 2 }] }])
    expect(await data(ann().from('authors').select('id, books(id)').eq('id', 2).range(1, 5, { referencedTable: 'books' }))).toEqual([{ id: 2, books: [{ id: 4 }] }])
    expect(await data(ann().from('authors').select('id, books(id)').eq('id', 1).or('pages.gt.400,id.eq.9', { referencedTable: 'books' }))).toEqual([{ id: 1, books: [{ id: 2 }] }])
    expect((await data(ann().from('books').select('id').order('authors(name)' as 'id', { ascending: false }).select('id, authors(name)').limit(1)))[0]).toMatchObject({ id: 3 })
    expect(await data(ann().from('books').select('id').is('copies', null).select('id, copies(id)').order('id'))).toEqual([
      { id: 2, copies: [] },
      { id: 4, copies: [] },
    ])
  })

  test('an embedding that may mean two keys is refused with both', async () => {
    const error = await refused(ann().from('messages').select('*, authors(name)'), 300, 'PGRST201')
    expect(JSON.stringify(error.details)).toContain('messages_sender_id_fkey')
    expect(error.hint).toContain('authors!messages_receiver_id_fkey')
  })

  test("no embedding brings another tenant's row", async () => {
    const text = JSON.stringify(
      await data(ben().from('authors').select('*, books(*, tags(*), copies(*, shelves(*)), book_covers(*)), countries(*, authors(*))')),
    )
    expect(text).toContain('Le Guin')
    expect(text).toContain('The Dispossessed')
    for (const foreign of ['Shelley', 'Lem', 'Solaris', 'Frankenstein']) expect(text).not.toContain(foreign)
    // Through a table that all tenants share.
    expect(await data(ben().from('countries').select('code, authors(name)').eq('code', 'GB'))).toEqual([{ code: 'GB', authors: [] }])
  })
})

test.describe('writes', () => {
  test('insert one and many, with and without the rows', async () => {
    const none = await ann().from('tags').insert({ label: 'one' })
    expect(none).toMatchObject({ status: 201, data: null, error: null })
    const many = await ann().from('tags').insert([{ label: 'two' }, { label: 'three' }], { count: 'exact' }).select('label')
    expect(many).toMatchObject({ status: 201, count: 2, data: [{ label: 'two' }, { label: 'three' }] })
    expect(await data(ann().from('tags').insert({ label: 'four' }).select('label').single())).toEqual({ label: 'four' })
    expect(rest.sql(`select string_agg(tenant_id || label, ' ' order by id) from app.tags where id > 4`)).toBe('1one 1two 1three 1four')
    expect(await data(ann().from('tags').delete({ count: 'exact' }).in('label', ['one', 'two', 'three', 'four']).select('label'))).toHaveLength(4)
  })

  test('columns that a row leaves out: null, or the default when asked', async () => {
    const shelf = { tenant_id: 1, room: 'attic', number: 1 }
    expect((await refused(ann().from('books').insert([{ author_id: 1, title: 'A', status: 'draft' }, { author_id: 1, title: 'B' }]), 400, '23502')).details).toBe('column "status"')
    const rows = await data(
      ann().from('books').insert([{ author_id: 1, title: 'A', status: 'sold out' }, { author_id: 1, title: 'B' }], { defaultToNull: false }).select('title,status'),
    )
    expect(rows).toEqual([{ title: 'A', status: 'sold out' }, { title: 'B', status: 'draft' }])
    await data(ann().from('books').delete().in('title', ['A', 'B']))
    await data(ann().from('shelves').insert(shelf))
    await data(ann().from('shelves').delete().match(shelf))
  })

  test('all or nothing', async () => {
    const before = rest.sql('select count(*) from app.tags')
    await refused(ann().from('tags').insert([{ label: 'fresh' }, { label: 'classic' }]), 409, '23505')
    expect(rest.sql('select count(*) from app.tags')).toBe(before)
  })

  test('upsert merges or ignores', async () => {
    const value = () => rest.sql(`select string_agg(name || '=' || value, ' ' order by name) from app.settings where tenant_id = 1`)
    expect(value()).toBe('colour="red" size=10')
    const rows = [{ name: 'colour', value: 'green' }, { name: 'shape', value: 'round' }]
    await data(ann().from('settings').upsert(rows, { onConflict: 'tenant_id,name', ignoreDuplicates: true }))
    expect(value()).toBe('colour="red" shape="round" size=10')
    await data(ann().from('settings').upsert(rows, { onConflict: 'tenant_id,name' }))
    expect(value()).toBe('colour="green" shape="round" size=10')
    expect(rest.sql(`select value from app.settings where tenant_id = 2`)).toBe('"blue"')
    await data(ann().from('settings').delete().eq('name', 'shape'))
    expect(await data(ann().from('settings').update({ value: 'red' }).eq('name', 'colour').select('value').single())).toEqual({ value: 'red' })
  })

  test('update and delete need a filter', async () => {
    expect((await refused(ann().from('authors').update({ name: 'x' }), 400, '21000')).hint).toContain('not.is.null')
    await refused(ann().from('authors').delete(), 400, '21000')
  })

  test('max-affected rolls back', async () => {
    await refused(ann().from('authors').update({ born: null }).gt('id', 0).maxAffected(2), 400, 'PGRST124')
    expect(rest.sql('select count(*) from app.authors where born is null')).toBe('1')
    expect(await data(ann().from('authors').update({ name: 'Nobody Yet' }).eq('id', 3).maxAffected(1).select('id'))).toEqual([{ id: 3 }])
  })

  test('a single object of two rows changes none of them', async () => {
    await refused(ann().from('books').update({ price: 1 }).eq('author_id', 1).select('id').single(), 406, 'PGRST116')
    expect(rest.sql('select price from app.books where id in (1, 2) order by id')).toBe('7.50\n9.90')
  })

  test('the rows of a write in another form and order, or none of them', async () => {
    const all = () => ann().from('tags').update({ label: 'x' }).eq('id', 1)
    expect(await data(all().select('id,label').rollback().csv())).toBe('id,label\n1,x')
    expect(await data(ann().from('tags').update({ label: 'x' }).eq('id', 99).select().maybeSingle())).toBeNull()
    expect(await data(ann().from('books').update({ price: 1 }).gt('id', 0).select('id').order('id', { ascending: false }).rollback())).toEqual([{ id: 4 }, { id: 3 }, { id: 2 }, { id: 1 }])
    // The key of tags is chosen by Postgres alone.
    await refused(ann().from('tags').upsert({ id: 1, label: 'x' }), 400, '428C9')
  })

  test('rollback() changes nothing', async () => {
    expect(await data(ann().from('books').delete().eq('id', 1).select('id').rollback())).toEqual([{ id: 1 }])
    expect(rest.sql('select count(*) from app.books where id = 1')).toBe('1')
  })
})

test.describe("another tenant's rows", () => {
  test.beforeEach(({}, info) => void info.annotations.push({ type: 'before', description: othersRows() }))
  test.afterEach(({}, info) => expect(othersRows()).toBe(info.annotations.find(({ type }) => type === 'before')!.description))

  test('are not read, whatever the filter', async () => {
    expect(await data(ann().from('authors').select().eq('id', 4))).toEqual([])
    expect(await data(ann().from('settings').select().eq('tenant_id', 2))).toEqual([])
    expect(await data(ann().from('authors').select('id').or('id.eq.4,name.like.Ursula*,not.and(id.lt.0,id.gt.0)').order('id'))).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
    await refused(ann().from('sessions_of_all').select(), 403, '42501')
  })

  test('are not changed or deleted', async () => {
    expect(await data(ann().from('authors').update({ name: 'Mine' }).eq('id', 4).select())).toEqual([])
    expect(await data(ann().from('authors').delete().eq('id', 4).select())).toEqual([])
    expect(await data(ann().from('settings').delete().eq('tenant_id', 2).select())).toEqual([])
    expect(await data(ann().from('authors').update({ name: 'Mine' }).gte('id', 4).select('id'))).toEqual([])
  })

  test('are not made, moved or taken over', async () => {
    await refused(ann().from('settings').insert({ tenant_id: 2, name: 'x' }), 403, '42501')
    await refused(ann().from('settings').update({ tenant_id: 2 }).eq('name', 'size'), 403, '42501')
    await refused(ann().from('settings').upsert({ tenant_id: 2, name: 'colour', value: 'mine' }, { onConflict: 'tenant_id,name' }), 403, '42501')
    await refused(ann().from('books').insert({ author_id: 4, title: 'Not hers' }), 409, '23503')
    await refused(ann().from('books').update({ author_id: 4 }).eq('id', 1), 409, '23503')
    await refused(ann().from('book_tags').insert({ tenant_id: 1, book_id: 5, tag_id: 1 }), 409, '23503')
    expect(rest.sql('select author_id from app.books where id = 1')).toBe('1')
  })

  test('and what stands in the way is not told', async () => {
    const error = await refused(ann().from('settings').insert({ name: 'size' }), 409, '23505')
    expect(JSON.stringify(error)).not.toContain('size')
  })
})

test.describe('functions', () => {
  test('by POST and GET, with defaults', async () => {
    expect(await data(ann().rpc('add_numbers', { a: 2, b: 3 }))).toBe(5)
    expect(await data(ann().rpc('add_numbers', { a: 2 }, { get: true }))).toBe(3)
  })

  test('rows of a function, filtered, embedded, counted', async () => {
    expect(await data(ann().rpc('search_books', { words: 'man' }).select('title, authors(name)'))).toEqual([{ title: 'The Last Man', authors: { name: 'Mary Shelley' } }])
    expect(await data(ann().rpc('count_by_status').eq('status', 'in print'))).toEqual([{ status: 'in print', books: 2 }])
    expect(await data(ben().rpc('count_by_status'))).toEqual([{ status: 'in print', books: 1 }])
    expect(await ann().rpc('count_by_status', {}, { head: true, count: 'exact' })).toMatchObject({ status: 200, count: 3 })
    expect(await data(ann().rpc('author_of', { book: 1 }).select('name').single())).toMatchObject({ name: 'Mary Shelley' })
    expect(await data(ann().rpc('author_of', { book: 5 }))).toMatchObject({ id: null })
    expect(await data(ann().rpc('total', { numbers: [1, 2, 3] }))).toBe(6)
    expect(await data(ann().rpc('count_by_status').csv())).toBe('status,books\ndraft,1\nin print,2\nsold out,1')
    expect(await data(ann().rpc('search_books', { words: 'man' }, { get: true }).select('title').order('title').limit(1).maybeSingle())).toEqual({ title: 'The Last Man' })
  })

  test('without a result, changing rows of the own tenant alone', async () => {
    expect(await ann().rpc('rename_book', { book: 4, new_title: 'Cyberiad' })).toMatchObject({ status: 204, error: null })
    await ann().rpc('rename_book', { book: 5, new_title: 'Mine' })
    expect(rest.sql('select title from app.books where id > 3 order by id')).toBe('Cyberiad\nThe Dispossessed')
    await ann().rpc('rename_book', { book: 4, new_title: 'The Cyberiad' })
  })

  test('not by GET when they may change something, and only whom they are for', async () => {
    await refused(ann().rpc('rename_book', { book: 1, new_title: 'x' }, { get: true }), 405, 'PGRST101')
    await refused(ann().rpc('office_only'), 403, '42501')
    expect(await data(clients.olga.rpc('office_only'))).toBe('for the office')
    await refused(ann().rpc('no_such_function'), 404, 'PGRST202')
    expect((await refused(ann().rpc('fail', { message: 'not today' }), 400, 'P0001')).message).toBe('not today')
  })
})

test.describe('refusals', () => {
  test('unknown tables, columns, relationships and schemas', async () => {
    expect((await refused(ann().from('bookz').select(), 404, 'PGRST205')).hint).toContain('books')
    expect((await refused(ann().from('books').select('titel'), 400, '42703')).hint).toContain('title')
    await refused(ann().from('books').insert({ titel: 'x' }), 400, 'PGRST204')
    await refused(ann().from('books').select('employees(name)'), 400, 'PGRST200')
    await refused(ann().schema('app').from('books').select(), 406, 'PGRST106')
    await refused(ann().schema('app').from('books').insert({ title: 'x' }), 406, 'PGRST106')
    expect(await data(ann().schema('api').from('books').select('id').eq('id', 1))).toEqual([{ id: 1 }])
    await refused(new PostgrestClient(`${rest.url}/api`).from('bookz').select(), 401, 'TNCY401')
  })

  test('what PostgREST has and this has not, each with its reason', async () => {
    for (const columns of ['count()', 'count', 'n:count()', 'price.sum()', 'id, pages.avg()', 'authors(count)', 'authors(id.max())', 'status, total:price.sum()::text']) {
      const error = await refused(ann().from('books').select(columns), 400, 'PGRST123')
      expect(error.hint, columns).toContain('count=exact')
    }
    for (const asked of [ann().from('books').select().explain(), ann().from('books').select().geojson(), ann().from('books').select().stripNulls()]) {
      expect((await refused(asked as never, 406, 'PGRST107')).hint).toContain('application/json')
    }
    for (const asked of [ann().from('books').update({ price: 1 }).gt('id', 0).limit(1), ann().from('books').delete().gt('id', 0).range(0, 1)]) {
      expect((await refused(asked as never, 400, 'PGRST100')).hint).toContain('max-affected')
    }
    await refused(ann().from('authors').select('id, books!inner(id)').eq('books.nothing', 1), 400, '42703')
  })

  test('values of another type', async () => {
    await refused(ann().from('books').select().eq('id', 'x'), 400, '22P02')
    // The name of the rule, and no value of the row.
    const broken = await refused(ann().from('books').insert({ author_id: 1, title: 'x', pages: -1 }), 400, '23514')
    expect(broken).toMatchObject({ message: 'the values break a rule of the table', details: 'constraint "books_pages_check"' })
    await refused(ann().from('books').update({ status: 'nothing' }).eq('id', 1), 400, '22P02')
  })
})

/** How pages ask the database: for rows, for pages of rows, for what a function gives, and for a change. */
import {
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
  type InfiniteData,
  type QueryClient,
  type QueryKey,
  type UseMutationResult,
  type UseQueryResult,
} from '@tanstack/react-query'
import { useMemo } from 'react'
import { rowsBelongTo } from '../logic/session-state'
import { ApiError, pageCode, type Session } from './client'
import { askAs, type Answer, type Data, type Question, type Table, type Way } from './data'
import { isCurrent, keyOf, recheckSession } from './queries'
import type { Arguments, ReadingProcedure, Resource, Result as ResultOf, Row, TenantRow } from './schema'

function otherSession(): ApiError {
  return new ApiError({ status: 0, code: pageCode.sessionChanged, message: 'The answer belongs to another session.' })
}

const isChange = (error: unknown) => error instanceof ApiError && error.code === pageCode.sessionChanged
const isRefusal = (error: unknown) => error instanceof ApiError && error.status === 401
/** Also 403: the session that the cookie now names may have no tenant. */
const tellsOfSession = (error: unknown) =>
  isChange(error) || isRefusal(error) || (error instanceof ApiError && error.status === 403)

/**
 * An answer to another session, or a refusal, is a reason to ask who is signed in: mostly somebody else by then, and
 * this question is forgotten. Else it is asked once more.
 */
async function read<Result>(client: QueryClient, attempt: () => Promise<Result>): Promise<Result> {
  try {
    return await attempt()
  } catch (error) {
    if (!tellsOfSession(error)) throw error
  }
  await recheckSession(client)
  return attempt()
}

/** A change is tried again only when nothing was done, and when it would be done for the same session. */
async function write<Result>(client: QueryClient, session: Session, attempt: () => Promise<Result>): Promise<Result> {
  try {
    return await attempt()
  } catch (error) {
    if (tellsOfSession(error)) await recheckSession(client)
    if (!isRefusal(error) || !isCurrent(client, session)) throw error
  }
  return attempt()
}

/** Resources of which each row names the tenant that it belongs to. */
const ownedByTenants: ReadonlySet<Resource> = new Set<Resource>(['patients', 'users'])

async function rowsAs<Name extends Resource, Result>(
  session: Session,
  resource: Name,
  ask: (rows: Table<Name>) => Question<Result>,
  way: Way,
): Promise<Answer<Result>> {
  const answer = await askAs(session, (data) => ask(data.from(resource) as unknown as Table<Name>), way)
  const rows = ([answer.data] as unknown[]).flat().filter((row) => typeof row === 'object' && row !== null)
  // Whatever the answer says of itself.
  if (ownedByTenants.has(resource) && !rowsBelongTo(session, rows)) throw otherSession()
  return answer
}

interface Options<Result, Shown> {
  /** Everything that the question depends on besides the session: another key is another question. */
  key?: QueryKey
  enabled?: boolean
  /** Milliseconds after which it is asked again; false: not by itself. */
  refetchInterval?: number | false | ((result: Result | undefined) => number | false)
  /** What is made of the result before it is shown. */
  select?: (result: Result) => Shown
}

function useAnswer<Result, Shown>(
  session: Session,
  key: QueryKey,
  attempt: (signal: AbortSignal) => Promise<Result>,
  { enabled = true, refetchInterval = false, select }: Options<Result, Shown>,
): UseQueryResult<Shown> {
  const client = useQueryClient()
  return useQuery<Result, Error, Shown>({
    queryKey: [...keyOf(session), ...key],
    queryFn: ({ signal }) => read(client, () => attempt(signal)),
    gcTime: 0, // rows are forgotten as soon as nothing shows them
    placeholderData: ofSameSession(session),
    enabled,
    refetchInterval: typeof refetchInterval === 'function' ? (query) => refetchInterval(query.state.data) : refetchInterval,
    ...(select && { select }),
  })
}

/** While another question of the same session is under way, the answer of the one before stays on the screen. */
function ofSameSession(session: Session) {
  const own = keyOf(session)
  return <Data>(before: Data | undefined, query: { queryKey: QueryKey } | undefined): Data | undefined =>
    query !== undefined && own.every((part, index) => query.queryKey[index] === part) ? before : undefined
}

/** Rows of a table or view: `useRows(session, 'sessions', (rows) => rows.select().order('startedAt'))`. */
export function useRows<Name extends Resource, Result = Row<Name>[], Shown = Result>(
  session: Session,
  resource: Name,
  ask: (rows: Table<Name>) => Question<Result>,
  options: Options<Result, Shown> = {},
): UseQueryResult<Shown> {
  const attempt = async (signal: AbortSignal) => (await rowsAs(session, resource, ask, { signal })).data
  return useAnswer(session, [resource, 'rows', ...(options.key ?? [])], attempt, options)
}

/** What a function gives that only reads: `useCall(session, 'findings', {})`. Its key is that of its name. */
export function useCall<Name extends ReadingProcedure, Shown = ResultOf<Name>>(
  session: Session,
  name: Name,
  args: Arguments<Name>,
  options: Omit<Options<ResultOf<Name>, Shown>, 'key'> = {},
): UseQueryResult<Shown> {
  const ask = (data: Data) => {
    const call = data.rpc.bind(data) as unknown as (name: Name, args: object, how: { get: true }) => Question<ResultOf<Name>>
    return call(name, args, { get: true })
  }
  const attempt = async (signal: AbortSignal) => (await askAs(session, ask, { signal })).data
  return useAnswer(session, [name, 'call', args], attempt, options)
}

export interface PagesOptions {
  key?: QueryKey
  enabled?: boolean
  /** Rows of one page. */
  size?: number
  /** By the key behind which a page begins; or by a number of rows, for a view that has no primary key. */
  by?: 'key' | 'number'
}

/**
 * Rows page by page, as many as were asked for: `ask` says what to select, and how it is filtered and sorted. By key the
 * primary key is added to the order; by number the order must be whole.
 */
export function usePages<Name extends Resource, One = Row<Name>>(
  session: Session,
  resource: Name,
  ask: (rows: Table<Name>) => Question<One[]> & { limit: (count: number) => unknown; range: (from: number, to: number) => unknown },
  { key = [], enabled = true, size = 50, by = 'key' }: PagesOptions = {},
) {
  const client = useQueryClient()
  const query = useInfiniteQuery({
    queryKey: [...keyOf(session), resource, 'pages', ...key],
    queryFn: ({ signal, pageParam }) =>
      read(client, () => {
        const page = (rows: Table<Name>) => {
          const question = ask(rows)
          if (by === 'key') question.limit(size)
          else question.range(Number(pageParam), Number(pageParam) + size - 1)
          return question
        }
        return rowsAs(session, resource, page, { signal, ...(by === 'key' && { after: pageParam }) })
      }),
    initialPageParam: by === 'key' ? '' : '0',
    getNextPageParam: (last, pages) => {
      const seen = pages.reduce((sum, page) => sum + page.data.length, 0)
      if (last.data.length < size || (last.count !== null && seen >= last.count)) return null
      return by === 'key' ? last.nextAfter : String(seen)
    },
    gcTime: 0,
    placeholderData: ofSameSession(session),
    enabled,
  })
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.data), [query.data])
  // Of all pages, when `ask` has them counted: `rows.select('*', { count: 'exact' })`.
  const count = query.data?.pages.at(-1)?.count ?? null
  // Not a copy: a component is drawn anew for the parts of the query that it reads, and a copy reads all of them.
  return Object.create(query, { rows: { value: rows }, count: { value: count } }) as typeof query & {
    rows: typeof rows
    count: typeof count
  }
}

/**
 * A change of the database: `useChange(session, (data, id: string) => data.rpc('end_session', { id }), ['sessions'])`.
 * What was read of the resources and functions named is asked for again, and the change is over when that has come.
 */
export function useChange<Variables, Result>(
  session: Session,
  ask: (data: Data, variables: Variables) => Question<Result>,
  refreshes: readonly (Resource | ReadingProcedure)[],
): UseMutationResult<Result, Error, Variables> {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (variables) => change(client, session, (data) => ask(data, variables)),
    onSettled: () => refresh(client, session, refreshes),
  })
}

/** One request that changes something, for a mutation that is made of several. */
export function change<Result>(
  client: QueryClient,
  session: Session,
  ask: (data: Data) => Question<Result>,
): Promise<Result> {
  return write(client, session, async () => (await askAs(session, ask)).data)
}

/**
 * Takes a row out of all pages that are shown, before the database was asked. Gives what puts them back as they were, which
 * does nothing when they were forgotten meanwhile.
 */
export async function hideRow(client: QueryClient, session: Session, resource: Resource, id: number): Promise<() => void> {
  type Shown = InfiniteData<Answer<{ id?: unknown }[]>>
  const queryKey = [...keyOf(session), resource, 'pages']
  await client.cancelQueries({ queryKey })
  const before = client.getQueriesData<Shown>({ queryKey })
  client.setQueriesData<Shown>({ queryKey }, (shown) => {
    if (shown?.pages.some((page) => page.data.some((row) => row.id === id)) !== true) return shown
    const pages = shown.pages.map((page) => ({
      ...page,
      data: page.data.filter((row) => row.id !== id),
      count: page.count === null ? null : page.count - 1,
    }))
    return { ...shown, pages }
  })
  return () => {
    for (const [key, shown] of before) if (client.getQueryData(key) !== undefined) client.setQueryData(key, shown)
  }
}

/** Has what is shown of these asked for again. */
export async function refresh(
  client: QueryClient,
  session: Session,
  names: readonly (Resource | ReadingProcedure)[],
): Promise<void> {
  await Promise.all(names.map((name) => client.invalidateQueries({ queryKey: [...keyOf(session), name] })))
}

const namesById = (rows: TenantRow[]) => new Map(rows.map((row) => [String(row.id), row.displayName]))

/** Names of tenants by id: only an admin, who sees rows of many and steps into others than the own, needs them. */
export function useTenantNames(session: Session) {
  return useRows(session, 'tenants', (rows) => rows.select(), { select: namesById, enabled: session.isAdmin })
}

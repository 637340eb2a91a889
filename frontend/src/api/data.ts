/** The tables, views and functions of the database, asked through the PostgREST client. */
import {
  PostgrestClient,
  PostgrestError,
  type PostgrestBuilder,
  type PostgrestClientOptions as Options,
  type PostgrestQueryBuilder,
} from '@supabase/postgrest-js'
import { isAnswerTo } from '../logic/session-state'
import { ApiError, apiPrefix, contextOf, notJson, pageCode, send, type Session } from './client'
import type { Database, Resource } from './schema'

export type Data = PostgrestClient<Database, Options, 'api'>
export type Table<Name extends Resource> = PostgrestQueryBuilder<
  Options,
  Database['api'],
  Database['api']['Tables'][Name],
  Name
>

/** A request that is not sent yet. */
export type Question<Result> = PostgrestBuilder<Options, Result>

export interface Answer<Result> {
  data: Result
  /** Of all rows that the filters choose; null when they were not counted. */
  count: number | null
  /** Where the next keyset page begins; null when there is none, or when no page was asked for. */
  nextAfter: string | null
}

export interface Way {
  signal?: AbortSignal | undefined
  /** Asks for a keyset page: the text that the page before gave, or the empty text for the first one. */
  after?: string | undefined
}

/**
 * Asks the database, and gives an answer only when it was made for exactly this session: any other means that the
 * cookie has changed meanwhile, because somebody signed in or changed the tenant in another tab.
 */
export async function askAs<Result>(
  session: Session,
  ask: (data: Data) => Question<Result>,
  { signal, after }: Way = {},
): Promise<Answer<Result>> {
  let nextAfter: string | null = null
  const base = new URL(apiPrefix, window.location.origin)
  const data: Data = new PostgrestClient<Database, Options, 'api'>(base.href, {
    retry: false, // the page tells what went wrong, and when it tries again
    fetch: async (target, init = {}) => {
      const url = new URL(target as string)
      if (after !== undefined) url.searchParams.set('after', after)
      const response = await send(url.pathname + url.search, init, signal)
      if (!isAnswerTo(session, contextOf(response))) {
        const message = 'The answer belongs to another session.'
        throw new ApiError({ status: 0, code: pageCode.sessionChanged, message })
      }
      nextAfter = response.headers.get('Next-After')
      return response
    },
  })
  try {
    const answer = await ask(data).throwOnError()
    return { data: answer.data, count: answer.count, nextAfter }
  } catch (cause) {
    if (cause instanceof SyntaxError) throw notJson(cause)
    if (!(cause instanceof PostgrestError)) throw cause
    const { code, message, details, hint } = cause
    throw new ApiError({ status: 406, code, message, details, hint, cause })
  }
}

import {
  QueryCache,
  QueryClient,
  useMutation,
  useQuery,
  useQueryClient,
  type QueryKey,
  type UseQueryResult,
} from '@tanstack/react-query'
import { useEffect } from 'react'
import { afterRefusal, signedIn, signedOut, type SessionState } from '../logic/session-state'
import { api, ApiError, type Session } from './client'

const sessionKey = ['session'] as const
/** Everything a session may see lives below this key, so that one call forgets it. */
const rowsKey = ['rows'] as const

const longestTimerMs = 2 ** 31 - 1

/** A request may have left with the cookie of before a change of tenant in another tab; the new one is there by then. */
const renewalMs = 200

const refused = (error: unknown) => error instanceof ApiError && error.status === 401

function forgetRows(client: QueryClient): void {
  client.removeQueries({ queryKey: rowsKey })
}

/** What the session before could see, nobody may meet again. */
function forgetRowsOfOthers(client: QueryClient, state: SessionState): void {
  const own = state.status === 'signed-in' ? keyOf(state.session) : null
  const ofOthers = (key: QueryKey) => own === null || own.some((part, index) => key[index] !== part)
  client.removeQueries({ queryKey: rowsKey, predicate: (query) => ofOthers(query.queryKey) })
}

function refusedIn(client: QueryClient): void {
  client.setQueryData<SessionState>(sessionKey, (before) => afterRefusal(before))
  forgetRows(client)
}

export function createQueryClient(): QueryClient {
  const client = new QueryClient({
    queryCache: new QueryCache({
      onSuccess: (data, query) => {
        if (query.queryKey[0] === sessionKey[0]) forgetRowsOfOthers(client, data as SessionState)
      },
      onError: (error) => {
        if (refused(error)) refusedIn(client)
      },
    }),
    defaultOptions: {
      // networkMode: a request while offline must fail and say so, not wait without a word.
      queries: { retry: false, networkMode: 'always', refetchOnWindowFocus: false },
      // gcTime: the variables of a sign-in hold the password.
      mutations: { retry: false, networkMode: 'always', gcTime: 0 },
    },
  })
  return client
}

async function twice<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask()
  } catch (error) {
    if (!refused(error)) throw error
  }
  await new Promise((resolve) => setTimeout(resolve, renewalMs))
  return ask()
}

async function readSession(client: QueryClient, signal: AbortSignal): Promise<SessionState> {
  const before = client.getQueryData<SessionState>(sessionKey)
  const ask = () => api.session(signal)
  try {
    return signedIn(await (before?.status === 'signed-in' ? twice(ask) : ask()))
  } catch (error) {
    if (refused(error)) return afterRefusal(before)
    throw error
  }
}

/** Looks again just after the session's end, so that rows do not stay on a screen nobody sits at. */
function untilExpiry(state: SessionState | undefined): number | false {
  if (state?.status !== 'signed-in') return false
  const left = Date.parse(state.session.expiresAt) - Date.now() + 1000
  return Number.isNaN(left) ? false : Math.min(Math.max(left, 60_000), longestTimerMs)
}

export function useSession(): UseQueryResult<SessionState> {
  const client = useQueryClient()
  return useQuery({
    queryKey: sessionKey,
    queryFn: ({ signal }) => readSession(client, signal),
    staleTime: 10_000,
    gcTime: Infinity,
    refetchOnWindowFocus: 'always',
    refetchInterval: (query) => untilExpiry(query.state.data),
  })
}

/** Asks the server again, and resolves when the answer (or the failure) is in. */
export async function recheckSession(client: QueryClient): Promise<void> {
  await client.refetchQueries({ queryKey: sessionKey })
}

/**
 * Other tabs share the cookie: they are told, so that none goes on showing the rows of a session that is gone.
 * One object both sends and listens, because a channel hears every other channel of its name, also its own tab's.
 */
const otherTabs = new BroadcastChannel('pgtenancy.session')

export function useOtherTabs(): void {
  const client = useQueryClient()
  useEffect(() => {
    const recheck = () => void recheckSession(client)
    otherTabs.addEventListener('message', recheck)
    return () => {
      otherTabs.removeEventListener('message', recheck)
    }
  }, [client])
}

function useSessionChange<Variables>(
  change: (variables: Variables) => Promise<SessionState>,
  onFailure: (client: QueryClient, error: Error) => void,
) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: change,
    onSuccess: async (state) => {
      // An answer that is still under way belongs to the session before.
      await client.cancelQueries()
      client.setQueryData<SessionState>(sessionKey, state)
      forgetRows(client)
      otherTabs.postMessage('changed')
    },
    onError: (error) => {
      onFailure(client, error)
    },
  })
}

function endedWhenRefused(client: QueryClient, error: Error): void {
  if (refused(error)) refusedIn(client)
}

export function useSignIn() {
  return useSessionChange(
    async (form: { userName: string; password: string }) => signedIn(await api.login(form.userName, form.password)),
    endedWhenRefused,
  )
}

export function useChooseTenant() {
  return useSessionChange(
    async (tenantId: string | null) => signedIn(await twice(() => api.chooseTenant(tenantId))),
    // What became of the choice, only the session tells: the answer alone may have been lost.
    (client) => void recheckSession(client),
  )
}

export type ChooseTenant = ReturnType<typeof useChooseTenant>

export function useSignOut() {
  return useSessionChange(async (reason: 'left' | 'closed') => {
    await api.logout()
    return signedOut(reason)
  }, endedWhenRefused)
}

/** The instructions of the loaded demo; null when this is no demo. */
export function useDemo() {
  return useQuery({
    queryKey: ['demo'],
    queryFn: async ({ signal }) => {
      try {
        return await api.demo(signal)
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null
        throw error
      }
    },
    staleTime: Infinity,
  })
}

/** The rows of one session in one tenant: a question's key begins with this. */
export function keyOf(session: Session) {
  return [...rowsKey, session.userId, session.tenantId]
}

/** False when somebody else is signed in by now, or the tenant is another one. */
export function isCurrent(client: QueryClient, session: Session): boolean {
  const state = client.getQueryData<SessionState>(sessionKey)
  return state?.status === 'signed-in' && keyOf(state.session).every((part, index) => part === keyOf(session)[index])
}

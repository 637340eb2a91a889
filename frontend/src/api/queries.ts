import {
  QueryCache,
  QueryClient,
  useMutation,
  useQuery,
  useQueryClient,
  type UseQueryResult,
} from '@tanstack/react-query'
import { useEffect } from 'react'
import { afterRefusal, rowsBelongTo, signedIn, signedOut, type SessionState } from '../logic/session-state'
import { api, ApiError, pageCode, type Session } from './client'

const sessionKey = ['session'] as const
/** Everything a session may see lives below this key, so that one call forgets it. */
const rowsKey = ['rows'] as const

const longestTimerMs = 2 ** 31 - 1

function refusedIn(client: QueryClient): void {
  client.setQueryData<SessionState>(sessionKey, (before) => afterRefusal(before))
  client.removeQueries({ queryKey: rowsKey })
}

export function createQueryClient(): QueryClient {
  const client = new QueryClient({
    queryCache: new QueryCache({
      onError: (error) => {
        if (!(error instanceof ApiError)) return
        if (error.status === 401) refusedIn(client)
        if (error.code === pageCode.sessionChanged) void client.invalidateQueries({ queryKey: sessionKey })
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

async function readSession(client: QueryClient, signal: AbortSignal): Promise<SessionState> {
  try {
    return signedIn(await api.session(signal))
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      return afterRefusal(client.getQueryData<SessionState>(sessionKey))
    }
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

function useSessionChange<Variables>(change: (variables: Variables) => Promise<SessionState>) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: change,
    onSuccess: async (state) => {
      // An answer that is still under way belongs to the session before.
      await client.cancelQueries()
      client.setQueryData<SessionState>(sessionKey, state)
      client.removeQueries({ queryKey: rowsKey })
      otherTabs.postMessage('changed')
    },
    onError: (error) => {
      if (error instanceof ApiError && error.status === 401) refusedIn(client)
    },
  })
}

export function useSignIn() {
  return useSessionChange(async (form: { userName: string; password: string }) =>
    signedIn(await api.login(form.userName, form.password)),
  )
}

export function useChooseTenant() {
  return useSessionChange(async (tenantId: string) => signedIn(await api.chooseTenant(tenantId)))
}

export function useSignOut() {
  return useSessionChange<undefined>(async () => {
    await api.logout()
    return signedOut('left')
  })
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

function keyOf(session: Session, resource: string) {
  return [...rowsKey, session.userId, session.tenantId, resource]
}

export function usePatients(session: Session) {
  return useQuery({
    queryKey: keyOf(session, 'patients'),
    queryFn: async ({ signal }) => {
      const rows = await api.patients(signal)
      if (!rowsBelongTo(session, rows)) {
        const message = 'The answer belongs to another session.'
        throw new ApiError({ status: 0, code: pageCode.sessionChanged, message })
      }
      return rows
    },
    gcTime: 0, // rows are forgotten as soon as nothing shows them
  })
}

/** Names of all tenants by id: only an admin's page, which shows rows of many, needs them. */
export function useTenantNames(session: Session) {
  return useQuery({
    queryKey: keyOf(session, 'tenants'),
    queryFn: async ({ signal }) => {
      const rows = await api.tenants(signal)
      return new Map(rows.map((row) => [String(row.id), row.displayName]))
    },
    enabled: session.isAdmin,
    gcTime: 0,
  })
}

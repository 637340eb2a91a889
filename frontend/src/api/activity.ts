import { useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query'
import { pollMs, withReading } from '../logic/activity-series'
import { readingOf, type Reading } from '../logic/gateway-counts'
import { api, ApiError, type Session } from './client'
import { keyOf, recheckSession } from './queries'

async function readStats(client: QueryClient, signal: AbortSignal) {
  try {
    return await api.stats(signal)
  } catch (error) {
    // The cookie may have become somebody else's in another tab: then this question is forgotten.
    if (!(error instanceof ApiError) || ![401, 403].includes(error.status)) throw error
  }
  await recheckSession(client)
  return api.stats(signal)
}

/**
 * The gateway's counts, again and again while the page can be seen: the readings of the last minutes, oldest first.
 * Nothing asks while the browser's tab is hidden.
 */
export function useReadings(session: Session, live: boolean) {
  const client = useQueryClient()
  const queryKey = [...keyOf(session), 'stats']
  return useQuery({
    queryKey,
    queryFn: async ({ signal }) => {
      const stats = await readStats(client, signal)
      return withReading(client.getQueryData<Reading[]>(queryKey) ?? [], readingOf(stats, Date.now()))
    },
    refetchInterval: live ? pollMs : false,
    refetchIntervalInBackground: false,
    refetchOnWindowFocus: live,
    structuralSharing: false,
    gcTime: 0,
  })
}

import { ApiError } from '../api/client'
import { explain, type Explanation } from './explanation'

export interface Reason {
  reason: string | null
  explanation: string | null
  hint: string | null
}

/** What to do about a reason. A hint that names a function of the extension speaks to people who write SQL. */
export function adviceOf({ reason, hint }: Reason): string | null {
  if (reason === 'not_yours_or_not_there') return 'Check the id, and the tenant that you are in.'
  return hint === null || hint.includes('tenancy.') ? null : hint
}

export function explainWhy(error: unknown): Explanation {
  const code = error instanceof ApiError ? error.code : ''
  if (code === '22023') {
    return {
      title: 'There is nothing to say about rows of this kind.',
      advice: 'They are not the rows of one table. Ask about a patient or a tenant.',
      retryAfter: null,
    }
  }
  if (code.startsWith('22')) return { title: 'This is no id.', advice: 'Type the id of a row, such as 7.', retryAfter: null }
  return explain(error)
}

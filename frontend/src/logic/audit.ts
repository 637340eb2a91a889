/** The actions of the audit log, as its readers would say them. */
const actions = new Map(
  Object.entries({
    admin_bypass: 'An admin began to see all tenants',
    bypass: 'An operator worked past isolation',
    act_as: 'An operator acted as a user',
    for_each_tenant: 'A job ran for each tenant',
    job_token: 'A token for a job was made',
    job_attach: 'A job began to work as a user',
    suspend: 'A tenant was suspended',
    resume: 'A tenant was resumed',
    revoke: 'A session was ended by an operator',
    revoke_all: 'All sessions of a user or tenant were ended',
    rotate_secrets: 'The secrets were renewed',
    start_isolation_run: 'The isolation suite was started',
    trust_issuer: 'An issuer of tokens was trusted',
    distrust_issuer: 'An issuer of tokens was distrusted',
    use_directory: 'The directory was registered',
  }),
)

export const knownActions: { value: string; label: string }[] = [...actions].map(([value, label]) => ({ value, label }))

/** An action that is newer than this page is shown by its name. */
export function actionText(action: string): string {
  return actions.get(action) ?? action
}

export interface AuditFilter {
  action: string | null
  tenantId: string | null
  /** Days where the reader is, YYYY-MM-DD; both belong to the time that is shown. */
  from: string | null
  to: string | null
}

const day = /^\d{4}-\d{2}-\d{2}$/

function dayOf(text: string | null): string | null {
  return text !== null && day.test(text) && !Number.isNaN(Date.parse(`${text}T00:00`)) ? text : null
}

const textOf = (text: string | null): string | null => (text === '' ? null : text)

/** The filter that an address holds; anybody may have written it. */
export function filterOf(search: URLSearchParams): AuditFilter {
  return {
    action: textOf(search.get('action')),
    tenantId: textOf(search.get('tenant')),
    from: dayOf(search.get('from')),
    to: dayOf(search.get('to')),
  }
}

export function searchOf({ action, tenantId, from, to }: AuditFilter): Record<string, string> {
  const all = { action, tenant: tenantId, from, to }
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null))
}

/** The moment at which a day begins where the reader is. */
export function beginOf(date: string): string {
  return new Date(`${date}T00:00`).toISOString()
}

/** The moment at which it ends, which is when the next one begins: days have 23 to 25 hours. */
export function endOf(date: string): string {
  const next = new Date(`${date}T00:00`)
  next.setDate(next.getDate() + 1)
  return next.toISOString()
}

/** What an entry says besides its columns, as pairs to read. */
export function detailPairs(detail: unknown): [string, string][] {
  if (typeof detail !== 'object' || detail === null || Array.isArray(detail)) return []
  return Object.entries(detail).map(([name, value]) => [
    name.replaceAll('_', ' '),
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
}

/** The users of entries whose ids are numbers, each once: those that can be looked up. */
export function mentionedUsers(entries: { userId: string | null; actingAs: string | null }[]): number[] {
  const ids = entries.flatMap(({ userId, actingAs }) => [userId, actingAs])
  const numbers = ids.filter((id) => id !== null && /^\d{1,15}$/.test(id)).map(Number)
  return [...new Set(numbers)].sort((a, b) => a - b)
}

import type { Session } from '../api/client'

/** Names of tenants by their ids. */
export type TenantNames = ReadonlyMap<string, string>

/** What a session may work in; the id null is an admin's view of all tenants. */
export interface TenantChoice {
  id: string | null
  name: string
}

/** The own tenants, and for an admin all others with a known name besides. */
export function tenantChoices(session: Session, names: TenantNames): TenantChoice[] {
  const own = session.tenants.map(({ id, name }): TenantChoice => ({ id, name }))
  if (!session.isAdmin) return own
  const known = new Set(session.tenants.map(({ id }) => id))
  const others = [...names].filter(([id]) => !known.has(id)).map(([id, name]): TenantChoice => ({ id, name }))
  const order = new Intl.Collator('en', { numeric: true })
  return [
    { id: null, name: 'All tenants' },
    ...[...own, ...others].sort((a, b) => order.compare(a.name, b.name)),
  ]
}

/** The tenant that an admin has stepped into, by name; null when there is none. */
export function steppedInto(session: Session, names: TenantNames): string | null {
  const { isAdmin, tenantId, tenantName } = session
  if (!isAdmin || tenantId === null) return null
  return tenantName ?? tenantNameOf(names, tenantId)
}

export function tenantNameOf(names: TenantNames, id: string | number): string {
  return names.get(String(id)) ?? `tenant ${id}`
}

/** All tenants with a name, as the options of a choice, in the order of their names. */
export function tenantOptions(names: TenantNames): { value: string; label: string }[] {
  const order = new Intl.Collator('en', { numeric: true })
  return [...names].map(([value, label]) => ({ value, label })).sort((a, b) => order.compare(a.label, b.label))
}

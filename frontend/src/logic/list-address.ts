/** What a list shows, as the address bar says it: `?q=doe&sort=lastName.desc&tenant=3`. Other parameters stay as they are. */
export interface Sort {
  column: string
  descending: boolean
}

export interface ListState {
  search: string
  sort: Sort | null
  /** The one tenant whose rows an admin wants to see. */
  tenant: string | null
}

export const longestSearch = 100

/** Anybody can make an address: what is not one of the columns, or no number, counts as not said. */
export function readList(address: URLSearchParams, columns: readonly string[]): ListState {
  const [column = '', direction = 'asc', ...more] = (address.get('sort') ?? '').split('.')
  const sortable = columns.includes(column) && ['asc', 'desc'].includes(direction) && more.length === 0
  const tenant = address.get('tenant')
  return {
    search: (address.get('q') ?? '').slice(0, longestSearch),
    sort: sortable ? { column, descending: direction === 'desc' } : null,
    tenant: tenant !== null && /^[1-9]\d{0,14}$/.test(tenant) ? tenant : null,
  }
}

export function writeList(address: URLSearchParams, change: Partial<ListState>): URLSearchParams {
  const written = new URLSearchParams(address)
  const set = (name: string, value: string | null) => {
    if (value === null || value === '') written.delete(name)
    else written.set(name, value)
  }
  if (change.search !== undefined) set('q', change.search)
  if (change.tenant !== undefined) set('tenant', change.tenant)
  if (change.sort !== undefined) {
    set('sort', change.sort && `${change.sort.column}.${change.sort.descending ? 'desc' : 'asc'}`)
  }
  return written
}

/** A press on a heading: up, then down, then as it was. */
export function nextSort(sort: Sort | null, column: string): Sort | null {
  if (sort?.column !== column) return { column, descending: false }
  return sort.descending ? null : { column, descending: true }
}

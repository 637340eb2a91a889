import type { ListState } from '../logic/list-address'
import { searchConditions } from '../logic/search'
import type { Session } from './client'
import { usePages } from './rows'
import type { User } from './schema'

/** Page by page by number: in a demo whose users come from a function the view has no primary key. */
export function useUserPages(session: Session, { search, sort, tenant }: ListState) {
  return usePages(
    session,
    'users',
    (rows) => {
      let asked = rows.select('*', { count: 'exact' })
      for (const condition of searchConditions(search, ['userName'])) asked = asked.or(condition)
      if (tenant !== null) asked = asked.eq('tenantId', Number(tenant))
      if (sort !== null) asked = asked.order(sort.column as keyof User, { ascending: !sort.descending })
      return asked.order('id')
    },
    { key: [search, sort, tenant], by: 'number' },
  )
}

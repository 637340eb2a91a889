import { useSearchParams } from 'react-router'
import { nextSort, readList, writeList, type ListState } from '../logic/list-address'

/** The state of a list, kept in the address bar: Back leads to the list as it was. */
export function useListAddress(columns: readonly string[]) {
  const [address, setAddress] = useSearchParams()
  const list = readList(address, columns)
  return {
    list,
    sortBy: (column: string) => {
      setAddress((now) => writeList(now, { sort: nextSort(readList(now, columns).sort, column) }))
    },
    narrow: (change: Pick<Partial<ListState>, 'search' | 'tenant'>) => {
      // One step back undoes a search, not a letter of it.
      const goesOn = change.search !== undefined && change.search !== '' && list.search !== ''
      setAddress((now) => writeList(now, change), { replace: goesOn })
    },
  }
}

export type ListAddress = ReturnType<typeof useListAddress>

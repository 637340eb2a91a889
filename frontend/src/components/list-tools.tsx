import { CloseButton, NativeSelect, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useState } from 'react'
import { longestSearch } from '../logic/list-address'
import { tenantOptions, type TenantNames } from '../logic/tenant-choices'
import type { ListAddress } from './list-address'

const pauseMs = 250

interface Props {
  address: ListAddress
  searchLabel: string
  /** What an admin may narrow the list to; null: there is nothing to choose. */
  tenants: TenantNames | null
}

/** The search and the filter above a list. */
export function ListTools({ address: { list, narrow }, searchLabel, tenants }: Props) {
  return (
    <div className="list-tools" role="search">
      <SearchField
        label={searchLabel}
        search={list.search}
        onSearch={(search) => {
          narrow({ search })
        }}
      />
      {tenants !== null && (
        <NativeSelect
          aria-label="Tenant"
          value={list.tenant ?? ''}
          data={[{ value: '', label: 'All tenants' }, ...tenantOptions(tenants)]}
          onChange={(event) => {
            narrow({ tenant: event.currentTarget.value || null })
          }}
        />
      )}
    </div>
  )
}

function SearchField({ label, search, onSearch }: { label: string; search: string; onSearch: (search: string) => void }) {
  const [typed, setTyped] = useState(search)
  const [sent, setSent] = useState(search)
  const [shown, setShown] = useState(search)
  // The address has changed without this field: Back was pressed, or a link.
  if (search !== shown) {
    setShown(search)
    if (search !== sent) {
      setTyped(search)
      setSent(search)
    }
  }
  const send = useDebouncedCallback((text: string) => {
    setSent(text)
    onSearch(text)
  }, pauseMs)
  function clear() {
    setTyped('')
    send('')
    send.flush()
  }
  return (
    <TextInput
      type="search"
      aria-label={label}
      placeholder={label}
      maxLength={longestSearch}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value)
        send(event.currentTarget.value.trim())
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter') send.flush()
        if (event.key === 'Escape' && typed !== '') clear()
      }}
      rightSection={typed === '' ? null : <CloseButton size="sm" aria-label="Clear the search" onClick={clear} />}
    />
  )
}

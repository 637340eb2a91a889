import { describe, expect, it } from 'vitest'
import { longestSearch, nextSort, readList, writeList } from '../src/logic/list-address'

const columns = ['firstName', 'dob']
const read = (text: string) => readList(new URLSearchParams(text), columns)

describe('the address of a list', () => {
  it('says what is searched, in which order, and of which tenant', () => {
    expect(read('q=John+Doe&sort=dob.desc&tenant=3')).toEqual({
      search: 'John Doe',
      sort: { column: 'dob', descending: true },
      tenant: '3',
    })
  })

  it.each(['sort=secret.asc', 'sort=dob.desc.nullsfirst', 'sort=dob,firstName', 'sort=dob.up', 'sort=', 'tenant=0', 'tenant=3,4', 'tenant=eq.3', 'tenant=1e3'])(
    'says nothing that a list does not know: %s',
    (text) => {
      expect(read(text)).toEqual({ search: '', sort: null, tenant: null })
    },
  )

  it('has a bound', () => {
    expect(read(`q=${'x'.repeat(5000)}`).search).toHaveLength(longestSearch)
  })

  it('keeps what it does not know, and is as short as it can be', () => {
    const address = new URLSearchParams('view=all&q=x&sort=dob.asc')
    expect(writeList(address, { search: '', sort: { column: 'firstName', descending: false } }).toString()).toBe('view=all&sort=firstName.asc')
    expect(writeList(address, { sort: null, tenant: '4' }).toString()).toBe('view=all&q=x&tenant=4')
  })

  it('comes back as it was written', () => {
    const list = { search: '100% "a\\b"*&', sort: { column: 'dob', descending: true }, tenant: '7' }
    expect(readList(writeList(new URLSearchParams(), list), columns)).toEqual(list)
  })
})

it('a heading sorts up, then down, then not', () => {
  const up = nextSort({ column: 'firstName', descending: true }, 'dob')
  expect(up).toEqual({ column: 'dob', descending: false })
  const down = nextSort(up, 'dob')
  expect(down).toEqual({ column: 'dob', descending: true })
  expect(nextSort(down, 'dob')).toBeNull()
})

import { expect, it } from 'vitest'
import { likePattern } from '../src/logic/like-pattern'
import { isAboutAllTenants, pageGroups, type PageGroup } from '../src/logic/pages'

const all: PageGroup[] = [
  { label: 'Work', for: 'everybody', links: [{ path: '/patients', label: 'Patients' }] },
  { label: 'Tenants', for: 'admins', links: [{ path: '/admin/tenants', label: 'Tenants' }] },
  { label: 'Try', for: 'everybody', demoOnly: true, links: [{ path: '/tour', label: 'Tour' }] },
]
const labels = (isAdmin: boolean, isDemo: boolean) => pageGroups(isAdmin, isDemo, all).map((group) => group.label)

it('has for everybody what they may open', () => {
  expect(labels(false, false)).toEqual(['Work'])
  expect(labels(false, true)).toEqual(['Work', 'Try'])
  expect(labels(true, false)).toEqual(['Work', 'Tenants'])
  expect(labels(true, true)).toEqual(['Work', 'Tenants', 'Try'])
})

it('knows the pages about all tenants', () => {
  expect(['/admin/tenants', '/admin/audit'].map(isAboutAllTenants)).toEqual([true, true])
  expect(['/patients', '/sessions', '/', '/admin'].map(isAboutAllTenants)).toEqual([false, false, false, false])
})

it('looks for a text that is typed as it is', () => {
  expect(likePattern('ten')).toBe('%ten%')
  expect(likePattern('50%_\\')).toBe('%50\\%\\_\\\\%')
})

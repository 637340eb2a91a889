import {
  activityPath,
  auditPath,
  homePath,
  isolationPath,
  sessionsPath,
  tenantsPath,
  tourPath,
  usersPath,
} from './return-path'

/** A link of the menu. Whom it is not for may know the page all the same: it says so in words. */
export interface PageLink {
  path: string
  label: string
}

export interface PageGroup {
  label: string
  for: 'everybody' | 'admins'
  /** Only where the server has loaded a demo. */
  demoOnly?: boolean
  links: PageLink[]
}

const groups: PageGroup[] = [
  {
    label: 'Work',
    for: 'everybody',
    links: [
      { path: homePath, label: 'Patients' },
      { path: usersPath, label: 'Users' },
    ],
  },
  {
    label: 'All tenants',
    for: 'admins',
    links: [
      { path: tenantsPath, label: 'Tenants' },
      { path: auditPath, label: 'Audit log' },
      { path: activityPath, label: 'Activity' },
    ],
  },
  {
    label: 'Protection',
    for: 'everybody',
    links: [{ path: isolationPath, label: 'Isolation' }],
  },
  {
    label: 'Account',
    for: 'everybody',
    links: [{ path: sessionsPath, label: 'Sessions' }],
  },
  {
    label: 'Demo',
    for: 'everybody',
    demoOnly: true,
    links: [{ path: tourPath, label: 'Try to break in' }],
  },
]

/** The menu of somebody: a group without a link for them is not there. */
export function pageGroups(isAdmin: boolean, isDemo: boolean, all: PageGroup[] = groups): PageGroup[] {
  return all.filter((group) => (isAdmin || group.for === 'everybody') && (isDemo || group.demoOnly !== true))
}

/** Whether a page is about all tenants, and so closed to an admin who is in one. */
export function isAboutAllTenants(path: string): boolean {
  return groups.some((group) => group.for === 'admins' && group.links.some((link) => link.path === path))
}

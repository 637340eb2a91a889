import type { BrowserContext, Page } from '@playwright/test'
import { userNamed } from './demo'
import { cookieName, login } from './http'
import { manyUrl, manyUser } from './many'
import { expect, fillIn, patientsTable } from './test'

/**
 * Every screen that people meet. looks.spec.ts opens each and looks at it in both colour schemes and at two widths;
 * those with `picture` are also compared with the pictures that are kept, in pictures.spec.ts. A new page gets a line here.
 */
export interface View {
  name: string
  demo: 'one' | 'many'
  /** Signed in beforehand as this user; without it nobody is. */
  as?: string
  path: string
  /** Until what is to be seen is there. */
  ready: (page: Page) => Promise<void>
  /** In which forms it is kept as a picture. */
  picture?: Form[]
}

export type Form = 'light' | 'dark' | 'phone' | 'dark phone'

/** The signed-in roles of the demos: somebody of a tenant, and an admin; of the second, one who must choose. */
const [user, admin, chooser, manyAdmin] = ['t3 user2', 't6 admin', 'jeremy', 'yeezy'] as const

const heading = (name: string) => (page: Page) => expect(page.getByRole('heading', { level: 1, name })).toBeVisible()
const table = (name: string) => (page: Page) => expect(page.getByRole('table', { name })).toBeVisible()
const list = (name: string) => (page: Page) => expect(page.getByRole('list', { name }).getByRole('listitem').first()).toBeVisible()
const instructions = (page: Page) => expect(page.getByRole('button', { name: admin })).toBeVisible()

async function stepInto(page: Page, tenant: string): Promise<void> {
  await page.getByRole('button', { name: /^(Switch|Choose) tenant$/ }).click()
  await page.getByRole('menuitem', { name: tenant, exact: true }).click()
}

export const views: View[] = [
  { name: 'sign-in', demo: 'one', path: '/signin', ready: instructions, picture: ['light', 'dark', 'phone'] },
  {
    name: 'sign-in refused',
    demo: 'one',
    path: '/signin',
    ready: async (page) => {
      await instructions(page)
      await fillIn(page, 'nobody', 'nothing')
      await expect(page.getByRole('alert')).toBeVisible()
    },
  },
  { name: 'patients of a user', demo: 'one', as: user, path: '/patients', ready: table('Patients'), picture: ['light', 'dark', 'phone'] },
  {
    name: 'patients of the admin',
    demo: 'one',
    as: admin,
    path: '/patients',
    ready: (page) => expect(page.getByRole('cell', { name: 'user tenant 5' }).first()).toBeVisible(),
  },
  {
    name: 'patients out of reach',
    demo: 'one',
    as: user,
    path: '/patients',
    ready: async (page) => {
      await page.route('**/api/patients*', (route) => route.abort('connectionreset'))
      await page.reload()
      await expect(page.getByRole('alert')).toBeVisible()
    },
  },
  { name: 'a patient', demo: 'one', as: user, path: '/patients/13', ready: heading('Max Doe') },
  {
    name: 'form of a patient',
    demo: 'one',
    as: admin,
    path: '/patients?sort=dob.desc&q=doe',
    ready: async (page) => {
      await table('Patients')(page)
      await page.getByRole('button', { name: 'Add patient' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Add patient' }).click()
      await expect(page.getByText('Choose the tenant.')).toBeVisible()
    },
    picture: ['light', 'phone'],
  },
  { name: 'not here', demo: 'one', path: '/no-such-page', ready: heading('Not here') },
  { name: 'chooser', demo: 'many', as: chooser, path: '/patients', ready: heading('Choose a tenant'), picture: ['light'] },
  {
    name: 'open switch',
    demo: 'many',
    as: manyAdmin,
    path: '/patients',
    ready: async (page) => {
      await table('Patients')(page)
      await page.getByRole('button', { name: 'Choose tenant' }).click()
      await expect(page.getByRole('menuitem', { name: 'tenant 2' })).toBeVisible()
    },
  },
  {
    name: 'banner',
    demo: 'many',
    as: manyAdmin,
    path: '/patients',
    ready: async (page) => {
      await stepInto(page, 'tenant 1')
      await expect(page.getByRole('region', { name: 'Tenant that you are in' })).toBeVisible()
      await expect(patientsTable(page)).toBeVisible()
    },
    picture: ['light', 'dark'],
  },
  { name: 'sessions', demo: 'one', as: user, path: '/sessions', ready: list('Your sessions'), picture: ['light'] },
  {
    name: 'end a session',
    demo: 'one',
    as: user,
    path: '/sessions',
    ready: async (page) => {
      await page.getByRole('button', { name: /this session$/ }).click()
      await expect(page.getByRole('dialog')).toBeVisible()
    },
  },
  { name: 'tenants', demo: 'one', as: admin, path: '/admin/tenants', ready: list('Tenants'), picture: ['light', 'phone'] },
  {
    name: 'suspend a tenant',
    demo: 'one',
    as: admin,
    path: '/admin/tenants',
    ready: async (page) => {
      await page.getByRole('button', { name: 'Suspend user tenant 3' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Suspend' }).click()
      await expect(page.getByText('Say why in a sentence.')).toBeVisible()
    },
  },
  { name: 'audit log', demo: 'one', as: admin, path: '/admin/audit', ready: list('Audit log') },
  {
    name: 'suspended',
    demo: 'one',
    as: user,
    path: '/patients',
    ready: async (page) => {
      // Nobody else may be in a tenant that is suspended for real.
      const json = { code: '42501', message: 'this tenant is suspended', details: null, hint: null }
      await page.route('**/api/auth/session', (route) => route.fulfill({ status: 403, json }))
      await page.reload()
      await heading('This tenant is suspended')(page)
    },
  },
  { name: 'for admins only', demo: 'one', as: user, path: '/admin/audit', ready: heading('For admins only') },
  {
    name: 'not inside a tenant',
    demo: 'many',
    as: manyAdmin,
    path: '/patients',
    ready: async (page) => {
      await stepInto(page, 'tenant 1')
      // A page that is left before the answer came loses the session's new cookie.
      await expect(page.getByRole('region', { name: 'Tenant that you are in' })).toBeVisible()
      await page.goto(new URL('/admin/tenants', page.url()).href)
      await heading('Not inside a tenant')(page)
    },
  },
  {
    name: 'open menu',
    demo: 'one',
    as: admin,
    path: '/patients',
    ready: async (page) => {
      // Where the screen is wide the menu is at the side, and this one is closed.
      const before = page.viewportSize()!
      await page.setViewportSize({ width: 360, height: 740 })
      await page.getByRole('button', { name: 'Open the menu' }).click()
      await expect(page.getByRole('dialog').getByRole('link', { name: 'Users' })).toBeVisible()
      await page.setViewportSize(before)
    },
    picture: ['phone'],
  },
  { name: 'users', demo: 'many', as: manyAdmin, path: '/users', ready: table('Users') },
  {
    name: 'isolation',
    demo: 'one',
    as: admin,
    path: '/isolation',
    ready: async (page) => {
      await table('Protected tables')(page)
      await expect(page.getByText(/rules were tried/)).toBeVisible()
      await page.getByText('1 accepted').click()
    },
    picture: ['light', 'dark'],
  },
  {
    name: 'isolation of a tenant',
    demo: 'many',
    as: 'joe',
    path: '/isolation',
    ready: async (page) => {
      await page.getByRole('textbox', { name: 'Id' }).fill('6')
      await page.getByRole('button', { name: 'Ask why' }).click()
      await expect(page.getByText('No row that you may see')).toBeVisible()
    },
  },
  { name: 'tour', demo: 'one', as: user, path: '/tour', ready: heading('Try to break in') },
  {
    name: 'tour with an answer',
    demo: 'one',
    as: user,
    path: '/tour',
    ready: async (page) => {
      const item = page.getByRole('heading', { name: 'Forget the WHERE' }).getByRole('button')
      await item.click()
      await page.getByRole('region', { name: 'Forget the WHERE' }).getByRole('button', { name: 'Send it' }).click()
      await expect(item).toContainText('Harmless')
    },
    picture: ['light', 'dark phone'],
  },
  { name: 'activity', demo: 'one', as: admin, path: '/activity', ready: table('Tenants') },
]

/** Opens a view in a fresh context; `url` is of another gateway than the one that all tests share. */
export async function openView(context: BrowserContext, page: Page, view: View, url = urlOf(view.demo)): Promise<void> {
  if (view.as !== undefined) {
    const token = await login(view.demo === 'one' ? userNamed(view.as) : manyUser(view.as), undefined, url)
    await context.addCookies([{ name: cookieName, value: token, url, httpOnly: true, sameSite: 'Lax' }])
  }
  await page.goto(url + view.path)
  await view.ready(page)
}

export function urlOf(demo: 'one' | 'many'): string {
  return demo === 'one' ? process.env.TENANCY_URL! : manyUrl()
}

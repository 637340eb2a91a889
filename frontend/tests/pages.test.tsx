import { MantineProvider } from '@mantine/core'
import { QueryClientProvider, type QueryClient } from '@tanstack/react-query'
import { act, cleanup, render, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import type { ReactNode } from 'react'
import { MemoryRouter } from 'react-router'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Session } from '../src/api/client'
import { createQueryClient } from '../src/api/queries'
import { Curtain } from '../src/components/curtain'
import { lazyPage } from '../src/components/lazy-page'
import { PageBoundary } from '../src/components/page-boundary'
import '../src/pages/tenants' // so that the chunk is there when it is asked for
import { AppRoutes } from '../src/routes'
import { theme } from '../src/theme'
import { adminSession, undecidedSession, userSession } from './sessions'

interface Answer {
  status: number
  body?: unknown
  headers?: Record<string, string>
}

const refused: Answer = { status: 401, body: { code: '28000', message: 'no session' } }
const missing: Answer = { status: 404, body: { code: 'TNCY404', message: 'not here' } }
const patients = [
  { id: 11, tenantId: 3, firstName: 'John', lastName: 'Doe', dob: '1984-02-11' },
  { id: 14, tenantId: 3, firstName: 'Min', lastName: 'Doe', dob: '1992-05-13' },
]

function contextOf({ userId, tenantId }: Pick<Session, 'userId' | 'tenantId'>): Record<string, string> {
  return { 'Tenancy-Context': new URLSearchParams({ user: userId, ...(tenantId && { tenant: tenantId }) }).toString() }
}

/**
 * What the network answers in these tests, whatever is selected; the real gateway is met in e2e/. Rows are those of the
 * last session told.
 */
function network(routes: Record<string, Answer | (() => Answer | Promise<Answer>)>) {
  const asked: string[] = []
  const addresses: string[] = []
  let context: Record<string, string> = {}
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    const call = `${init.method ?? 'GET'} ${path.split('?')[0]}`
    asked.push(call)
    addresses.push(path)
    const route = routes[call] ?? missing
    const { status, body, headers } = await (typeof route === 'function' ? route() : route)
    if (init.signal?.aborted) throw new DOMException('aborted', 'AbortError')
    if (status === 200 && path.startsWith('/api/auth/')) context = contextOf(body as Session)
    return new Response(body === undefined ? null : JSON.stringify(body), { status, headers: { ...context, ...headers } })
  })
  return Object.assign(asked, { addresses })
}

const ok = (body: unknown): Answer => ({ status: 200, body })

function open(path: string) {
  const client = createQueryClient()
  render(
    <MantineProvider theme={theme} env="test">
      <QueryClientProvider client={client}>
        <Curtain>
          <MemoryRouter initialEntries={[path]}>
            <AppRoutes />
          </MemoryRouter>
        </Curtain>
      </QueryClientProvider>
    </MantineProvider>,
  )
  return { client, user: userEvent.setup() }
}

async function expectFocus(title: string) {
  const heading = await screen.findByRole('heading', { name: title })
  expect(document.activeElement).toBe(heading)
}

function signedInAs(session: Session): Record<string, Answer> {
  return { 'GET /api/auth/session': ok(session), 'GET /api/patients': ok(patients) }
}

describe('sign-in', () => {
  it('asks for both fields before it asks the server', async () => {
    const asked = network({ 'GET /api/auth/session': refused })
    const { user } = open('/signin')
    await user.click(await screen.findByRole('button', { name: 'Sign in' }))
    expect(screen.getByText('Type your user name.')).toBeTruthy()
    expect(document.activeElement).toBe(screen.getByLabelText('User name'))
    expect(asked).not.toContain('POST /api/auth/login')
  })

  it('says that name or password is wrong, and puts the focus there', async () => {
    network({
      'GET /api/auth/session': refused,
      'POST /api/auth/login': { status: 401, body: { code: '28P01', message: 'wrong' } },
    })
    const { user } = open('/signin')
    await user.type(await screen.findByLabelText('User name'), 't3 user2')
    await user.type(screen.getByLabelText('Password'), 'wrong{Enter}')
    const alert = await screen.findByRole('alert')
    expect(alert.textContent).toContain('The user name or the password is wrong.')
    expect(document.activeElement).toBe(alert)
  })

  it('fills the form from the demo, and keeps no password afterwards', async () => {
    network({
      'GET /api/auth/session': refused,
      'GET /api/demo': ok({
        title: 'One tenant per user',
        instructions: ['Sign in.'],
        logins: [{ userName: 't3 user2', password: 'user', note: 'user tenant 3' }],
      }),
      'POST /api/auth/login': ok(userSession),
      'GET /api/patients': ok(patients),
    })
    const { user, client } = open('/signin')
    await user.click(await screen.findByRole('button', { name: /t3 user2/ }))
    await user.click(screen.getByRole('button', { name: 'Sign in' }))
    expect(await screen.findByText('Welcome, t3 user2 of user tenant 3')).toBeTruthy()
    await waitFor(() => {
      expect(client.getMutationCache().getAll()).toEqual([])
    })
    expect([localStorage.length, sessionStorage.length]).toEqual([0, 0])
  })

  it('comes back to the page first asked for', async () => {
    network({ ...signedInAs(undecidedSession), 'GET /api/auth/session': refused, 'POST /api/auth/login': ok(undecidedSession) })
    const { user } = open('/tenant')
    await user.type(await screen.findByLabelText('User name'), 'jeremy')
    await user.type(screen.getByLabelText('Password'), 'user{Enter}')
    expect(await screen.findByRole('heading', { name: 'Choose a tenant' })).toBeTruthy()
  })
})

describe('patients', () => {
  afterEach(() => vi.useRealTimers())

  it('shows the rows with their dates and puts the focus on the heading', async () => {
    network(signedInAs(userSession))
    open('/patients')
    const table = await screen.findByRole('table', { name: 'Patients' })
    const texts = within(table)
      .getAllByRole('row')
      .map((row) => [...row.querySelectorAll('th, td:not(.row-actions, thead td)')].map((cell) => cell.textContent))
    expect(texts).toEqual([
      ['First Name', 'Last Name', 'Date of Birth'],
      ['John', 'Doe', '02/11/1984'],
      ['Min', 'Doe', '05/13/1992'],
    ])
    expect(document.activeElement).toBe(screen.getByRole('heading', { name: 'Patients' }))
    expect(document.title).toBe('Patients · pgtenancy')
  })

  it('are sorted, searched and counted by the server', async () => {
    const answer = { ...ok(patients), headers: { 'Content-Range': '0-1/7', 'Next-After': 'WyI5Il0' } }
    const asked = network({ ...signedInAs(userSession), 'GET /api/patients': answer })
    const last = () => new URLSearchParams(asked.addresses.filter((path) => path.startsWith('/api/patients')).at(-1)?.split('?')[1])
    const { user } = open('/patients?sort=lastName.asc')
    expect(await screen.findByText('2 of 7 patients')).toBeTruthy()
    expect([last().get('order'), last().get('after'), last().get('limit')]).toEqual(['lastName.asc', '', '50'])
    const heading = () => screen.getByRole('columnheader', { name: 'Date of Birth' }).getAttribute('aria-sort')
    const button = screen.getByRole('button', { name: 'Date of Birth' })
    await user.click(button)
    expect(heading()).toBe('ascending')
    await user.click(button)
    expect(heading()).toBe('descending')
    await waitFor(() => {
      expect(last().get('order')).toBe('dob.desc')
    })
    await user.type(screen.getByRole('searchbox', { name: 'Search by name' }), '50% Doe')
    await waitFor(() => {
      expect(last().getAll('or')).toEqual([
        String.raw`(firstName.ilike."%50\\%%",lastName.ilike."%50\\%%")`,
        '(firstName.ilike."%Doe%",lastName.ilike."%Doe%")',
      ])
    })
    expect(last().get('order')).toBe('dob.desc')
  })

  it('come page by page: the next begins where the last one ended', async () => {
    const page = (first: number) => Array.from({ length: 50 }, (_, index) => ({ ...patients[0], id: first + index }))
    const answers = [page(1), page(51)].map((rows) => ({ ...ok(rows), headers: { 'Content-Range': '0-49/100', 'Next-After': 'WyI1MCJd' } }))
    const asked = network({ ...signedInAs(userSession), 'GET /api/patients': () => answers.shift() ?? missing })
    const { user } = open('/patients')
    expect(await screen.findByText('50 of 100 patients')).toBeTruthy()
    await user.click(screen.getByText('Show more patients'))
    expect(await screen.findByText('100 patients')).toBeTruthy()
    expect(asked.addresses.at(-1)).toContain('after=WyI1MCJd')
    expect(screen.queryByText('Show more patients')).toBeNull()
  })

  it('that are deleted leave at once, and come back when it fails', async () => {
    let refuse: (answer: Answer) => void = () => undefined
    network({
      ...signedInAs(userSession),
      'DELETE /api/patients': () => new Promise<Answer>((resolve) => (refuse = resolve)),
    })
    const { user } = open('/patients')
    await user.click(await screen.findByRole('button', { name: 'Delete Min Doe' }))
    await waitFor(() => {
      expect(screen.queryByText('Min')).toBeNull()
    })
    refuse({ status: 403, body: { code: '42501', message: 'permission denied for view patients' } })
    expect((await screen.findByRole('alert')).textContent).toContain('Min Doe was not deleted. This is not allowed.')
    expect(screen.getByText('Min')).toBeTruthy()
    expect(screen.queryByRole('button', { name: 'Undo' })).toBeNull()
  })

  it('that are deleted can be put back, under a new number', async () => {
    const rows = [...patients]
    const back = { ...patients[1], id: 99 }
    const asked = network({
      ...signedInAs(userSession),
      'GET /api/patients': () => ok(rows),
      'DELETE /api/patients': () => ok(rows.splice(1, 1)),
      'POST /api/patients': () => {
        rows.push(back as (typeof patients)[0])
        return { status: 201, body: back }
      },
    })
    const { user, client } = open('/patients')
    await user.click(await screen.findByRole('button', { name: 'Delete Min Doe' }))
    const undo = await screen.findByRole('button', { name: 'Undo' })
    expect(document.activeElement).toBe(undo)
    await user.click(undo)
    expect(await screen.findByText(/Min Doe is back, as number 99/)).toBeTruthy()
    expect(screen.getByRole('link', { name: 'Min' }).getAttribute('href')).toBe('/patients/99')
    expect(asked.addresses.find((path) => path.includes('tenantId=eq.3') && path.includes('id=eq.14'))).toBeTruthy()
    act(() => {
      client.removeQueries({ queryKey: ['rows'] })
    })
    expect(JSON.stringify(client.getQueryCache().getAll().map((query) => query.state.data))).not.toContain('Min')
  })

  it('are written for the tenant on the screen alone, and not again by themselves when it has changed meanwhile', async () => {
    const bodies: string[] = []
    const asked = network({
      ...signedInAs(userSession),
      'POST /api/patients': { status: 403, body: { code: '42501', message: 'new row violates row-level security policy' } },
    })
    const fetched = globalThis.fetch
    vi.stubGlobal('fetch', (path: string, init: RequestInit) => {
      if (init.method === 'POST') bodies.push(init.body as string)
      return fetched(path, init)
    })
    const { user } = open('/patients')
    await user.click(await screen.findByRole('button', { name: 'Add patient' }))
    await user.type(await screen.findByLabelText('First name'), 'Ann')
    await user.type(screen.getByLabelText('Last name'), 'Lee')
    await user.type(screen.getByLabelText('Date of birth'), '2/9/1984{Enter}')
    expect((await screen.findByRole('alert')).textContent).toContain('This is not allowed.')
    expect(bodies).toEqual(['{"tenantId":3,"firstName":"Ann","lastName":"Lee","dob":"1984-02-09"}'])
    expect(asked.filter((call) => call === 'POST /api/patients')).toHaveLength(1)
    expect(asked.filter((call) => call === 'GET /api/auth/session').length).toBeGreaterThan(1)
  })

  it('names the tenant of each row to an admin', async () => {
    network({
      ...signedInAs(adminSession),
      'GET /api/tenants': ok([{ id: 3, displayName: 'user tenant 3', isAdmin: false }]),
    })
    open('/patients')
    expect(await screen.findByRole('columnheader', { name: 'Tenant' })).toBeTruthy()
    expect(await screen.findAllByRole('cell', { name: 'user tenant 3' })).toHaveLength(2)
    expect(screen.getByText('Welcome, t6 admin of admin tenant')).toBeTruthy()
  })

  it('says that there are none', async () => {
    network({ ...signedInAs(userSession), 'GET /api/patients': ok([]) })
    open('/patients')
    expect(await screen.findByText('There are no patients yet.')).toBeTruthy()
  })

  it('goes to sign-in with the reason when the session has ended', async () => {
    network({ ...signedInAs(userSession), 'GET /api/patients': refused })
    const { client } = open('/patients')
    expect(await screen.findByText(/Your session has ended/)).toBeTruthy()
    expect(client.getQueryCache().findAll({ queryKey: ['rows'] })).toEqual([])
  })

  it('tries again by itself after Retry-After, and then after twice that', async () => {
    vi.useFakeTimers()
    const pass = async (seconds: number) => {
      for (let step = 0; step < seconds * 10; step++) await act(() => vi.advanceTimersByTimeAsync(100))
    }
    let down = true
    const body = { code: '08006', message: 'the database is not available' }
    const away: Answer = { status: 503, body, headers: { 'Retry-After': '2' } }
    const asked = network({ ...signedInAs(userSession), 'GET /api/patients': () => (down ? away : ok(patients)) })
    const tries = () => asked.filter((call) => call === 'GET /api/patients').length

    open('/patients')
    await pass(0.5)
    expect(screen.getByRole('alert').textContent).toContain('The database is not available.')
    expect(screen.getByRole('alert').textContent).toContain('The page tries again by itself.')
    await pass(1)
    expect(tries()).toBe(1)
    await pass(1.5)
    expect(tries()).toBe(2)
    await pass(2.5)
    expect(tries()).toBe(2)
    down = false
    await pass(2)
    expect(tries()).toBe(3)
    expect(screen.getByRole('table')).toBeTruthy()
    expect(screen.queryByRole('alert')).toBeNull()
  })

  it('never shows rows of another tenant than the header names', async () => {
    const foreign = [{ ...patients[0], tenantId: 2, firstName: 'Foreign' }]
    network({ ...signedInAs(userSession), 'GET /api/patients': ok(foreign) })
    open('/patients')
    expect((await screen.findByRole('alert')).textContent).toContain('Your session has changed.')
    expect(screen.queryByText('Foreign')).toBeNull()
  })

  it('forgets the rows at sign-out', async () => {
    network({ ...signedInAs(userSession), 'POST /api/auth/logout': { status: 204 } })
    const { user, client } = open('/patients')
    await screen.findByRole('table')
    await user.click(screen.getByRole('button', { name: 'Logout' }))
    expect(await screen.findByText('You have signed out.')).toBeTruthy()
    expect(JSON.stringify(client.getQueryCache().getAll().map((query) => query.state.data))).not.toContain('Min')
  })

  it('says that one is still signed in when sign-out fails', async () => {
    network({ ...signedInAs(userSession), 'POST /api/auth/logout': { status: 503, body: {} } })
    const { user } = open('/patients')
    await user.click(await screen.findByRole('button', { name: 'Logout' }))
    expect((await screen.findByRole('alert')).textContent).toContain('You are still signed in.')
  })

  it('asks for the session again before a frozen page is shown', async () => {
    let session = ok(userSession)
    network({ ...signedInAs(userSession), 'GET /api/auth/session': () => session })
    open('/patients')
    await screen.findByRole('table')
    act(() => {
      window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))
    })
    expect(screen.queryByRole('table')).toBeNull()
    session = refused
    act(() => {
      window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))
    })
    expect(await screen.findByText(/Your session has ended/)).toBeTruthy()
  })
})

describe('tenants', () => {
  it('lets a user of several choose', async () => {
    const chosen = { ...undecidedSession, tenantId: '2', tenantName: 'tenant 2' }
    const rows = ok([{ ...patients[0], tenantId: 2 }])
    const asked = network({ ...signedInAs(undecidedSession), 'GET /api/patients': rows, 'POST /api/auth/tenant': ok(chosen) })
    const { user } = open('/patients')
    await user.click(await screen.findByRole('button', { name: 'tenant 2' }))
    expect(await screen.findByText('Welcome, jeremy of tenant 2')).toBeTruthy()
    await screen.findByRole('table')
    expect(asked.indexOf('GET /api/patients')).toBeGreaterThan(asked.indexOf('POST /api/auth/tenant'))
  })

  const atTenant = (id: string) => ({ ...undecidedSession, tenantId: id, tenantName: `tenant ${id}` })
  const rowsOf = (id: number, firstName: string) => ok([{ ...patients[0], tenantId: id, firstName }])
  const cachedTenants = (client: QueryClient) => {
    const queries = client.getQueryCache().findAll({ queryKey: ['rows'] })
    return [...new Set(queries.map((query) => query.queryKey[2]))]
  }

  it('are switched from the header, and nothing of the one before stays', async () => {
    let current = '1'
    const asked = network({
      'GET /api/auth/session': () => ok(atTenant(current)),
      'GET /api/patients': () => rowsOf(Number(current), `Of${current}`),
      'POST /api/auth/tenant': () => ok(atTenant((current = '2'))),
    })
    const { user, client } = open('/patients')
    await screen.findByText('Of1')
    await user.click(screen.getByRole('button', { name: 'Switch tenant' }))
    expect(screen.getByRole('menuitem', { name: 'tenant 1' }).getAttribute('aria-current')).toBe('true')
    await user.click(screen.getByRole('menuitem', { name: 'tenant 2' }))
    await screen.findByText('Of2')
    expect(screen.getByText('Welcome, jeremy of tenant 2')).toBeTruthy()
    expect(screen.queryByText('Of1')).toBeNull()
    expect(document.activeElement).toBe(screen.getByRole('heading', { name: 'Patients' }))
    expect(cachedTenants(client)).toEqual(['2'])
    expect(asked.filter((call) => call === 'POST /api/auth/tenant')).toHaveLength(1)
  })

  it('drops the answer of the tenant before that arrives late', async () => {
    let release: (answer: Answer) => void = () => undefined
    const late = new Promise<Answer>((resolve) => (release = resolve))
    const answers: (Answer | Promise<Answer>)[] = [late, rowsOf(2, 'Of2')]
    network({
      'GET /api/auth/session': ok(atTenant('1')),
      'GET /api/patients': () => answers.shift() ?? missing,
      'POST /api/auth/tenant': ok(atTenant('2')),
    })
    const { user, client } = open('/patients')
    await user.click(await screen.findByRole('button', { name: 'Switch tenant' }))
    await user.click(screen.getByRole('menuitem', { name: 'tenant 2' }))
    await screen.findByText('Of2')
    await act(async () => {
      release({ ...rowsOf(1, 'Of1'), headers: contextOf(atTenant('1')) })
      await late
    })
    expect(screen.queryByText('Of1')).toBeNull()
    expect(cachedTenants(client)).toEqual(['2'])
  })

  it('changed in another tab are noticed at the next answer, also of rows that name none', async () => {
    let current = '1'
    network({
      'GET /api/auth/session': () => ok(atTenant(current)),
      'GET /api/patients': () => rowsOf(Number(current), `Of${current}`),
      'GET /api/users': () => ({ ...ok([{ id: 9, userName: `of ${current}` }]), headers: contextOf(atTenant(current)) }),
    })
    const { user, client } = open('/patients')
    await screen.findByText('Of1')
    current = '2'
    await user.click(screen.getByRole('link', { name: 'Users' }))
    expect(await screen.findByRole('cell', { name: 'of 2' })).toBeTruthy()
    expect(screen.getByText('Welcome, jeremy of tenant 2')).toBeTruthy()
    expect(screen.queryByRole('alert')).toBeNull()
    expect(cachedTenants(client)).toEqual(['2'])
  })

  it('changed in another tab to none lead to the choice', async () => {
    let session: Session = atTenant('1')
    const forbidden: Answer = { status: 403, body: { code: '42501', message: 'no tenant chosen in this session' } }
    network({
      'GET /api/auth/session': () => ok(session),
      'GET /api/patients': rowsOf(1, 'Of1'),
      'GET /api/users': forbidden,
    })
    const { user } = open('/patients')
    await screen.findByText('Of1')
    session = undecidedSession
    await user.click(screen.getByRole('link', { name: 'Users' }))
    expect(await screen.findByRole('heading', { name: 'Choose a tenant' })).toBeTruthy()
  })

  it('are changed while a request is under way: the refused one is asked again, and nobody is signed out', async () => {
    const refusals = { patients: 1, session: 0 }
    const once = (what: keyof typeof refusals, answer: Answer) => () => (refusals[what]-- > 0 ? refused : answer)
    network({
      'GET /api/auth/session': once('session', ok(atTenant('2'))),
      'GET /api/patients': once('patients', rowsOf(2, 'Of2')),
    })
    const { client } = open('/patients')
    expect(await screen.findByText('Of2')).toBeTruthy()
    refusals.session = 1
    await act(() => client.refetchQueries({ queryKey: ['session'] }))
    expect(screen.getByText('Of2')).toBeTruthy()
  })

  it('that cannot be changed say so, and the rows stay', async () => {
    network({
      'GET /api/auth/session': ok(atTenant('1')),
      'GET /api/patients': rowsOf(1, 'Of1'),
      'POST /api/auth/tenant': { status: 403, body: { code: '42501', message: 'not a member of this tenant' } },
    })
    const { user } = open('/patients')
    await user.click(await screen.findByRole('button', { name: 'Switch tenant' }))
    await user.click(screen.getByRole('menuitem', { name: 'tenant 2' }))
    const alert = await screen.findByRole('alert')
    expect(alert.textContent).toContain('The tenant was not changed.')
    expect(alert.textContent).toContain('Not a member of this tenant.')
    expect(screen.getByText('Of1')).toBeTruthy()
  })

  it('are no choice for a user of one', async () => {
    network(signedInAs(userSession))
    open('/patients')
    await screen.findByRole('table')
    expect(screen.queryByRole('button', { name: 'Switch tenant' })).toBeNull()
  })

  it('that are closed can be left for another', async () => {
    let closed = true
    network({
      'GET /api/auth/session': () =>
        closed ? { status: 403, body: { code: '42501', message: 'this tenant is suspended' } } : ok(undecidedSession),
      'POST /api/auth/tenant': () => {
        closed = false
        return ok(undecidedSession)
      },
    })
    const { user } = open('/patients')
    await expectFocus('This tenant is suspended')
    await user.click(screen.getByRole('button', { name: 'Choose another tenant' }))
    expect(await screen.findByRole('heading', { name: 'Choose a tenant' })).toBeTruthy()
  })

  it('that are closed while one works in them take the rows away, and give them back', async () => {
    let closed = false
    const suspended: Answer = { status: 403, body: { code: '42501', message: 'this tenant is suspended' } }
    const orSuspended = (answer: Answer) => () => (closed ? suspended : answer)
    network({
      'GET /api/auth/session': orSuspended(ok(userSession)),
      'GET /api/patients': orSuspended(ok(patients)),
      'GET /api/users': orSuspended(ok([])),
    })
    const { user, client } = open('/patients')
    await screen.findByText('Min')
    closed = true
    await user.click(screen.getByRole('link', { name: 'Users' }))
    expect(await screen.findByText(/Nobody can work in/)).toBeTruthy()
    expect(screen.getByText('user tenant 3')).toBeTruthy()
    expect(screen.queryByRole('button', { name: 'Choose another tenant' })).toBeNull()
    expect(JSON.stringify(client.getQueryCache().getAll().map((query) => query.state.data))).not.toContain('Min')
    closed = false
    await user.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await screen.findByRole('heading', { name: 'Users' })).toBeTruthy()
  })

  it('let an admin step in, with a banner, and back to all', async () => {
    const names = [1, 2, 3].map((id) => ({ id, displayName: `tenant ${id}` }))
    let session: Session = { ...adminSession, tenants: [{ id: '1', name: 'tenant 1' }] }
    const all = session
    network({
      'GET /api/auth/session': () => ok(session),
      'GET /api/tenants': () => ok(session.tenantId === null ? names : names.slice(2)),
      'GET /api/patients': () => (session.tenantId === null ? ok(patients) : rowsOf(3, 'Of3')),
      'POST /api/auth/tenant': () => ok((session = session.tenantId === null ? { ...all, tenantId: '3' } : all)),
    })
    const { user } = open('/patients')
    await screen.findByText('Min')
    await user.click(screen.getByRole('button', { name: 'Choose tenant' }))
    expect(screen.getAllByRole('menuitem').map((item) => item.textContent)).toEqual([
      'All tenants',
      'tenant 1',
      'tenant 2',
      'tenant 3',
    ])
    await user.click(screen.getByRole('menuitem', { name: 'tenant 3' }))
    const banner = await screen.findByRole('region', { name: 'Tenant that you are in' })
    await waitFor(() => {
      expect(banner.textContent).toContain('You are in tenant 3 and see its rows alone.')
    })
    await screen.findByText('Of3')
    expect(screen.queryByRole('columnheader', { name: 'Tenant' })).toBeNull()
    await user.click(within(banner).getByRole('button', { name: 'Back to all tenants' }))
    expect(await screen.findByText('Min')).toBeTruthy()
    expect(screen.queryByRole('region', { name: 'Tenant that you are in' })).toBeNull()
  })

  it('says what to do when there is none', async () => {
    network(signedInAs({ ...undecidedSession, tenants: [] }))
    open('/patients')
    expect(await screen.findByText(/Your account belongs to no tenant/)).toBeTruthy()
  })
})

describe('users', () => {
  const textsOf = (table: HTMLElement) =>
    within(table)
      .getAllByRole('row')
      .map((row) => [...row.children].map((cell) => cell.textContent))

  it('show who administers, where the application tells it', async () => {
    const rows = [
      { id: 3, userName: 'jeremy', isAdmin: false },
      { id: 4, userName: 'yeezy', isAdmin: true },
    ]
    network({ ...signedInAs(userSession), 'GET /api/users': ok(rows) })
    open('/users')
    expect(textsOf(await screen.findByRole('table', { name: 'Users' }))).toEqual([
      ['User Name', 'Is Admin'],
      ['jeremy', 'No'],
      ['yeezy', 'Yes'],
    ])
    expect(document.title).toBe('Users · pgtenancy')
    expect(screen.getByRole('link', { name: 'Users' }).getAttribute('aria-current')).toBe('page')
  })

  it('show the tenant to an admin, where each user has one', async () => {
    network({
      ...signedInAs(adminSession),
      'GET /api/tenants': ok([{ id: 3, displayName: 'user tenant 3' }]),
      'GET /api/users': ok([{ id: 6, userName: 't3 user2', tenantId: 3 }]),
    })
    open('/users')
    expect(textsOf(await screen.findByRole('table', { name: 'Users' }))).toEqual([
      ['User Name', 'Tenant'],
      ['t3 user2', 'user tenant 3'],
    ])
  })
})

it('says that an unknown address is not here', async () => {
  network({})
  open('/nowhere')
  expect(await screen.findByRole('heading', { name: 'Not here' })).toBeTruthy()
})

const linksOfMenu = () =>
  within(screen.getByRole('navigation', { name: 'Pages' }))
    .getAllByRole('link')
    .map((link) => link.textContent)

describe('the menu', () => {
  it('has more for an admin', async () => {
    network(signedInAs(userSession))
    open('/patients')
    await screen.findByRole('table')
    expect(linksOfMenu()).not.toContain('Audit log')
    cleanup()
    network(signedInAs(adminSession))
    open('/patients')
    await screen.findByRole('table')
    expect(linksOfMenu()).toContain('Audit log')
  })

  it('opens as a dialog, and gives the focus back or to the heading of the page', async () => {
    network({ ...signedInAs(userSession), 'GET /api/users': ok([]) })
    const { user } = open('/patients')
    await screen.findByRole('table')
    const button = screen.getByRole('button', { name: 'Open the menu' })
    await user.click(button)
    await screen.findByRole('dialog')
    await user.keyboard('{Escape}')
    expect(document.activeElement).toBe(button)
    await user.click(button)
    await user.click(within(await screen.findByRole('dialog')).getByRole('link', { name: 'Users' }))
    await expectFocus('Users')
    expect(screen.queryByRole('dialog')).toBeNull()
  })
})

describe('pages about all tenants', () => {
  it('say to a user that they are for admins, and ask for nothing', async () => {
    const asked = network(signedInAs(userSession))
    open('/admin/tenants')
    await expectFocus('For admins only')
    expect(asked.filter((call) => call.includes('tenant_overview'))).toEqual([])
  })

  it('lead an admin who steps into a tenant to its rows, and tell one who opens them there to leave it', async () => {
    let session: Session = adminSession
    const inside: Session = { ...adminSession, tenantId: '3', tenantName: 'user tenant 3' }
    const tenant = { id: 3, displayName: 'user tenant 3', suspended: false, users: 2, patients: 2, sessions: 0 }
    network({
      ...signedInAs(session),
      'GET /api/auth/session': () => ok(session),
      'GET /api/tenant_overview': ok([tenant]),
      'GET /api/tenants': ok([{ id: 3, displayName: 'user tenant 3' }]),
      'POST /api/auth/tenant': () => ok((session = session.tenantId === null ? inside : adminSession)),
    })
    const { user } = open('/admin/tenants')
    await user.click(await screen.findByRole('button', { name: 'Step in to user tenant 3' }))
    await expectFocus('Patients')
    expect(screen.queryByRole('heading', { name: 'Not inside a tenant' })).toBeNull()
    await user.click(screen.getByRole('link', { name: 'Tenants' }))
    expect(await screen.findByRole('heading', { name: 'Not inside a tenant' })).toBeTruthy()
    await user.click(screen.getByRole('button', { name: 'See all tenants' }))
    expect(await screen.findByRole('heading', { name: 'Tenants' })).toBeTruthy()
  })
})

describe('a page of its own chunk', () => {
  const quiet = () => vi.spyOn(console, 'error').mockImplementation(() => undefined)

  function openLazy(load: () => Promise<() => ReactNode>, place = '/one') {
    const Page = lazyPage(load)
    const at = (where: string) => (
      <MantineProvider theme={theme} env="test">
        <PageBoundary place={where}>{where === '/one' ? <Page /> : <p>Another page</p>}</PageBoundary>
      </MantineProvider>
    )
    const { rerender } = render(at(place))
    return (where: string) => {
      rerender(at(where))
    }
  }

  it('says that it is on its way, and is shown', async () => {
    let come: (page: () => ReactNode) => void = () => undefined
    openLazy(() => new Promise((resolve) => (come = resolve)))
    expect(await screen.findByRole('status', { name: 'Loading the page' })).toBeTruthy()
    await act(async () => {
      come(() => <p>Here it is</p>)
      await Promise.resolve()
    })
    expect(await screen.findByText('Here it is')).toBeTruthy()
  })

  it('that does not come says what to do, and leaves the others alone', async () => {
    quiet()
    const goTo = openLazy(() => Promise.reject(new TypeError('Failed to fetch dynamically imported module')))
    expect(await screen.findByRole('heading', { name: 'This page could not be loaded' })).toBeTruthy()
    expect(screen.getByText(/Check your network connection/)).toBeTruthy()
    expect(screen.getByRole('button', { name: 'Load the page again' })).toBeTruthy()
    goTo('/two')
    expect(await screen.findByText('Another page')).toBeTruthy()
  })

  it('that makes a mistake does not take the frame with it', async () => {
    quiet()
    openLazy(() =>
      Promise.resolve(() => {
        throw new Error('a mistake')
      }),
    )
    expect(await screen.findByRole('heading', { name: 'The page made a mistake' })).toBeTruthy()
  })
})

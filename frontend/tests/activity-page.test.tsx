import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { configure, render, screen, within } from '@testing-library/react'
import { MemoryRouter } from 'react-router'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { Session } from '../src/api/client'
import { createQueryClient } from '../src/api/queries'
import { AppRoutes } from '../src/routes'
import { theme } from '../src/theme'
import { adminSession, userSession } from './sessions'

// Queries by role are slow on so large a page.
vi.setConfig({ testTimeout: 60_000 })
configure({ asyncUtilTimeout: 30_000 })

/** The page, with the network answering so; what it asks is given back. */
function open(session: Session, stats: { status: number; body: unknown }): string[] {
  const asked: string[] = []
  const answers: Record<string, { status: number; body: unknown }> = {
    '/api/auth/session': { status: 200, body: session },
    '/api/tenants': { status: 200, body: [{ id: 3, displayName: 'user tenant 3', isAdmin: false }] },
    '/api/stats': stats,
  }
  vi.stubGlobal('fetch', (path: string) => {
    const [route = ''] = path.split('?')
    asked.push(route)
    const { status, body } = answers[route] ?? { status: 404, body: { code: 'TNCY404', message: 'not here' } }
    const headers = { 'Tenancy-Context': `user=${session.userId}${session.tenantId === null ? '' : `&tenant=${session.tenantId}`}` }
    return Promise.resolve(new Response(JSON.stringify(body), { status, headers }))
  })
  render(
    <MantineProvider theme={theme} env="test">
      <QueryClientProvider client={createQueryClient()}>
        <MemoryRouter initialEntries={['/activity']}>
          <AppRoutes />
        </MemoryRouter>
      </QueryClientProvider>
    </MantineProvider>,
  )
  return asked
}

const counted = {
  counters: [
    { key: 'tenancy_gateway_tenant_requests_total', labels: { tenant: '3' }, value: 4 },
    { key: 'tenancy_gateway_tenant_rows_total', labels: { tenant: '3' }, value: 20 },
    { key: 'tenancy_gateway_database_errors_total', labels: { sqlstate: '23505' }, value: 2 },
  ],
  gauges: [],
  histograms: [],
}

describe('the activity page', () => {
  // Loaded when it is opened first: the library of the charts takes longer than a test waits.
  beforeAll(async () => {
    await import('../src/pages/activity')
  }, 60_000)

  it('names tenants and errors, where the application tells no more of its tenants', async () => {
    open(adminSession, { status: 200, body: counted })
    const tenants = await screen.findByRole('table', { name: 'Tenants' })
    await within(tenants).findByRole('rowheader', { name: 'user tenant 3' })
    expect(within(tenants).getAllByRole('columnheader').map((cell) => cell.textContent)).toEqual(['Tenant', 'Requests', 'Rows'])
    expect(within(tenants).getAllByRole('cell').map((cell) => cell.textContent)).toEqual(['4', '20'])
    expect(screen.getByRole('rowheader', { name: '23505 such a row is there already' })).toBeTruthy()
    expect(screen.getByRole('img', { name: 'Requests' })).toBeTruthy()
  })

  it('says in words that the counts are for admins, when the server says so', async () => {
    open(adminSession, { status: 403, body: { code: 'TNCY403', message: "the gateway's counts are for admins" } })
    const alert = await screen.findByRole('alert')
    expect(alert.textContent).toContain("The gateway's counts are for admins.")
  })

  it("does not ask for a tenant's user", async () => {
    const asked = open(userSession, { status: 200, body: counted })
    expect(await screen.findByRole('heading', { name: 'For admins only' })).toBeTruthy()
    expect(asked).not.toContain('/api/stats')
  })
})

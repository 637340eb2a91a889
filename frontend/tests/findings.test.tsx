import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { createQueryClient } from '../src/api/queries'
import { FindingsSection } from '../src/components/findings-section'
import { adminSession } from './sessions'

const finding = {
  severity: 'critical',
  rule: 'rls_not_forced',
  object: 'app.patients',
  hole: 'a table whose row security is not forced',
  gain: 'its owner reads all rows',
  mend: 'alter table app.patients force row level security',
  accepted: null,
}

function show(...answers: object[][]) {
  const rules = Array.from({ length: 76 }, (_, index) => ({ severity: 'low', rule: `rule_${index}`, hole: 'h' }))
  vi.stubGlobal('fetch', (path: string) => {
    const [next, ...later] = answers
    if (path.includes('/rpc/findings') && later.length > 0) answers = later
    const body = path.includes('/rpc/findings') ? next : path.includes('/rpc/check_rules') ? rules : []
    return Promise.resolve(new Response(JSON.stringify(body), { headers: { 'Tenancy-Context': 'user=11' } }))
  })
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={createQueryClient()}>
        <FindingsSection session={adminSession} />
      </QueryClientProvider>
    </MantineProvider>,
  )
  return userEvent.setup()
}

describe('what the check finds', () => {
  it('is nothing: that is said, with the number of rules', async () => {
    show([])
    expect(await screen.findByText('Nothing was found. 76 rules were tried on this database.')).toBeTruthy()
    expect(screen.queryByRole('article')).toBeNull()
  })

  it('is shown with its gain and its mend, and goes when it is mended', async () => {
    const user = show([finding], [])
    const card = await screen.findByRole('article', { name: 'A table whose row security is not forced' })
    expect(card.textContent).toContain('What an attacker gains: its owner reads all rows')
    expect(await screen.findByText('One way around isolation is open. 76 rules were tried.')).toBeTruthy()
    await user.click(screen.getByRole('button', { name: 'Copy: how to mend app.patients' }))
    expect(await navigator.clipboard.readText()).toBe(finding.mend)
    await user.click(screen.getByRole('button', { name: 'Check again' }))
    expect(await screen.findByText(/Nothing was found/)).toBeTruthy()
  })

  it('that was accepted is no way that is open', async () => {
    show([{ ...finding, accepted: 'for the tour' }])
    expect(await screen.findByText(/Nothing was found/)).toBeTruthy()
    expect(screen.getByText('1 accepted')).toBeTruthy()
    expect(screen.getByText('for the tour')).toBeTruthy()
  })
})

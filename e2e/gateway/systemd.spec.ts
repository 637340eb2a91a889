import { expect, test } from '@playwright/test'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The service unit, judged by systemd's own tool: none of it needs a machine that systemd has started. */
test.use({ trace: 'off' })

const unit = readFileSync(new URL('../../gateway/systemd/tenancy-gateway.service', import.meta.url), 'utf8')

function judged(arguments_: string[], text: string): { status: number | null; said: string } {
  const folder = mkdtempSync(join(tmpdir(), 'unit-'))
  try {
    const file = join(folder, 'tenancy-gateway.service')
    writeFileSync(file, text)
    const { status, stdout, stderr } = spawnSync('systemd-analyze', [...arguments_, file], { encoding: 'utf8' })
    return { status, said: stdout + stderr }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('systemd finds nothing wrong with the unit', () => {
  // The program is installed elsewhere, or not at all, where this runs.
  const runnable = unit.replace('/usr/local/bin/tenancy-gateway', process.env.TENANCY_GATEWAY_BIN!)
  expect(runnable).not.toBe(unit)
  // What it does not know it ignores, with a warning and the status 0.
  expect(judged(['verify', '--man=no'], runnable)).toEqual({ status: 0, said: '' })
})

test('the unit stays as locked up as its documentation says', () => {
  const { status, said } = judged(['security', '--offline=true', '--threshold=12', '--no-pager'], unit)
  expect(status, said).toBe(0)
})

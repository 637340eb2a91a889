import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from '@playwright/test'

test('the types that the page is built with are what the gateways of both demos tell', async () => {
  const script = fileURLToPath(new URL('../../frontend/scripts/types.mjs', import.meta.url))
  const { stdout } = await promisify(execFile)('node', [script, '--check'])
  expect(stdout.match(/is what the gateway tells/g)).toHaveLength(2)
})

import { defineConfig } from '@playwright/test'
import { fileURLToPath } from 'node:url'

const baseURL = process.env.TENANCY_URL
if (!baseURL) {
  throw new Error('TENANCY_URL is not set. Run ./setup.sh test, or for a running demo: eval "$(./setup.sh env)"')
}

const lastOfAll = /faults(\/.*|)\.spec\.ts$/

export default defineConfig({
  testDir: '.',
  outputDir: 'test-results',
  reporter: [['list'], ['html', { outputFolder: 'report', open: 'never' }]],
  // More browsers than this are slower on two cores, not faster.
  workers: 2,
  fullyParallel: true,
  forbidOnly: true,
  // A machine that stood still for a moment is no finding; a test that needed its second chance is named at the end.
  retries: 1,
  timeout: 60_000,
  expect: {
    timeout: 15_000,
    // Less than a designer sees; more than two builds of Chromium differ by.
    toHaveScreenshot: { animations: 'disabled', caret: 'hide', threshold: 0.04, maxDiffPixels: 100 },
  },
  snapshotPathTemplate: '{testDir}/pages/pictures/{arg}{ext}',
  use: {
    baseURL,
    screenshot: 'only-on-failure',
    // Actions, requests and console; pictures of each step take time, and --trace on makes them.
    trace: { mode: 'retain-on-failure', screenshots: false, snapshots: false },
    launchOptions: {
      // The same letters on every machine, whatever fonts it has.
      env: { ...(process.env as Record<string, string>), FONTCONFIG_FILE: fileURLToPath(new URL('support/fonts.conf', import.meta.url)) },
      executablePath: process.env.TENANCY_CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--no-first-run',
      ],
    },
  },
  // One after the other where they would disturb each other: the load takes both cores, and faults stop the database.
  projects: [
    { name: 'gateway', testMatch: 'gateway/*.spec.ts', testIgnore: lastOfAll },
    { name: 'pages', testMatch: 'pages/*.spec.ts' },
    // A trace of 5,000 requests costs more than the requests.
    { name: 'load', testMatch: 'load/*.spec.ts', dependencies: ['gateway', 'pages'], use: { trace: 'off' } },
    { name: 'faults', testMatch: lastOfAll, dependencies: ['load'], workers: 1, fullyParallel: false },
  ],
})

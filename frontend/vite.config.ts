import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// The Host header is passed on as the browser sent it, because the gateway compares it with Origin.
const gateway = {
  '/api': { target: process.env.TENANCY_URL ?? 'http://127.0.0.1:8080', changeOrigin: false },
}

export default defineConfig({
  plugins: [react()],
  server: { proxy: gateway },
  preview: { proxy: gateway },
  build: {
    // The gateway's content security policy allows no inline script, and every browser
    // that runs this build knows modulepreload.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  test: {
    environment: 'jsdom',
    include: ['tests/**/*.test.{ts,tsx}'],
    setupFiles: ['tests/setup.ts'],
    testTimeout: 30_000, // of a busy machine, as the waits in tests/setup.ts
    restoreMocks: true,
    unstubGlobals: true,
  },
})

import { cleanup, configure } from '@testing-library/react'
import { afterEach } from 'vitest'

const nothing = () => undefined

// What Mantine asks of a browser and jsdom does not have.
globalThis.ResizeObserver = class {
  observe = nothing
  unobserve = nothing
  disconnect = nothing
}
window.matchMedia = (query) =>
  Object.assign(new EventTarget(), { matches: false, media: query, onchange: null, addListener: nothing, removeListener: nothing })

configure({
  // The whole document in every message hides what went wrong.
  getElementError: (message) => new Error(message?.split('\n')[0] ?? 'not found'),
  // No test is about how fast a loaded machine is.
  asyncUtilTimeout: 10_000,
})

afterEach(cleanup)

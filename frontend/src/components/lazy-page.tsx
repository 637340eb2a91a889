import { Center, Loader } from '@mantine/core'
import { lazy, Suspense, type ComponentType } from 'react'
import { MissingPart } from '../logic/explanation'

/**
 * A page that is loaded when it is opened first. Each has a Suspense of its own: one around them all would go on showing
 * the page before, without a word, until the next one has come.
 */
export function lazyPage(load: () => Promise<ComponentType>): ComponentType {
  const Page = lazy(async () => {
    try {
      return { default: await load() }
    } catch (cause) {
      throw new MissingPart(cause)
    }
  })
  return function LazyPage() {
    return (
      <Suspense
        fallback={
          <Center mih={220}>
            <Loader role="status" aria-label="Loading the page" />
          </Center>
        }
      >
        <Page />
      </Suspense>
    )
  }
}

import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState, type ReactNode } from 'react'
import { flushSync } from 'react-dom'
import { recheckSession } from '../api/queries'
import { FullPageLoader } from './full-page-loader'

/**
 * Browsers may freeze a page that is left and show it again, as it was, when Back is pressed. The curtain
 * falls before the page freezes and rises only when the server was asked whether the session still lives:
 * rows that were on the screen at sign-out are never painted again.
 */
export function Curtain({ children }: { children: ReactNode }) {
  const client = useQueryClient()
  const [closed, setClosed] = useState(false)

  useEffect(() => {
    function hide(event: PageTransitionEvent) {
      if (!event.persisted) return
      flushSync(() => {
        setClosed(true)
      })
    }
    function show(event: PageTransitionEvent) {
      if (!event.persisted) return
      setClosed(true)
      void recheckSession(client).finally(() => {
        setClosed(false)
      })
    }
    window.addEventListener('pagehide', hide)
    window.addEventListener('pageshow', show)
    return () => {
      window.removeEventListener('pagehide', hide)
      window.removeEventListener('pageshow', show)
    }
  }, [client])

  return closed ? <FullPageLoader /> : children
}

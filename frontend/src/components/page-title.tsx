import { Title } from '@mantine/core'
import { useEffect, useRef } from 'react'

interface Props {
  children: string
  /** For the browser's tab and history, which outlive a session: where the heading is somebody's name. */
  tab?: string
  takesFocus?: boolean
}

/** The page's heading. It takes the focus when the page opens, so that a screen reader says where one is. */
export function PageTitle({ children, tab = children, takesFocus = true }: Props) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${tab} · pgtenancy`
    if (takesFocus) heading.current?.focus({ preventScroll: true })
  }, [tab, takesFocus])
  return (
    <Title ref={heading} order={1} size="h2" tabIndex={-1}>
      {children}
    </Title>
  )
}

/** For when what had the focus is gone. */
export function focusHeading(): void {
  document.querySelector<HTMLElement>('main h1')?.focus()
}

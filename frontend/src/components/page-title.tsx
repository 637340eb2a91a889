import { Title } from '@mantine/core'
import { useEffect, useRef } from 'react'

/** The page's heading. It takes the focus when the page opens, so that a screen reader says where one is. */
export function PageTitle({ children, takesFocus = true }: { children: string; takesFocus?: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${children} · pgtenancy`
    if (takesFocus) heading.current?.focus({ preventScroll: true })
  }, [children, takesFocus])
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

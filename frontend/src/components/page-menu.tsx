import { Burger, Drawer } from '@mantine/core'
import { useDisclosure, useMediaQuery } from '@mantine/hooks'
import { useRef } from 'react'
import type { Session } from '../api/client'
import { PageLinks } from './page-links'
import { focusHeading } from './page-title'

/** The links of a screen that is too narrow for the sidebar. page.css hides the button where the sidebar is. */
export function PageMenu({ session }: { session: Session }) {
  const [wanted, { open, close }] = useDisclosure(false)
  const hasSidebar = useMediaQuery('(min-width: 62em)')
  const button = useRef<HTMLButtonElement>(null)
  return (
    <>
      <Burger
        ref={button}
        className="page-menu-button"
        size="sm"
        opened={false}
        aria-label="Open the menu"
        aria-haspopup="dialog"
        aria-expanded={wanted}
        onClick={open}
      />
      <Drawer
        opened={wanted && !hasSidebar}
        onClose={() => {
          close()
          button.current?.focus()
        }}
        returnFocus={false} // a link leads to the heading of its page instead
        size={280}
        title="pgtenancy"
        closeButtonProps={{ 'aria-label': 'Close the menu' }}
      >
        <nav aria-label="Pages">
          <PageLinks
            session={session}
            onFollow={() => {
              close()
              focusHeading() // the page may be the open one
            }}
          />
        </nav>
      </Drawer>
    </>
  )
}

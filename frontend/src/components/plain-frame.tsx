import { Container, Group, type MantineSize } from '@mantine/core'
import type { ReactNode } from 'react'
import { ColourSchemeButton } from './colour-scheme-button'
import { Logo } from './logo'

/** Around the pages that need no session. */
export function PlainFrame({ size, children }: { size: MantineSize; children: ReactNode }) {
  return (
    <>
      <header>
        <Container size={size} py="sm">
          <Group justify="space-between">
            <Logo />
            <ColourSchemeButton />
          </Group>
        </Container>
      </header>
      <Container component="main" size={size} py="lg">
        {children}
      </Container>
    </>
  )
}

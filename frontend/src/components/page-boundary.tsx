import { Button, Stack, Text } from '@mantine/core'
import { Component, type ReactNode } from 'react'
import { explain } from '../logic/explanation'
import { PageTitle } from './page-title'

interface Props {
  /** Where the page is: at another place the next page gets its chance. */
  place: string
  children: ReactNode
}

/** In the place of a page that could not be loaded or made a mistake; the way to the others stays open around it. */
export class PageBoundary extends Component<Props, { error: Error | null }> {
  override state: { error: Error | null } = { error: null }

  static getDerivedStateFromError(error: Error) {
    return { error }
  }

  override componentDidUpdate(before: Props) {
    if (before.place !== this.props.place && this.state.error !== null) this.setState({ error: null })
  }

  override render() {
    if (this.state.error === null) return this.props.children
    const { title, advice } = explain(this.state.error)
    return (
      <Stack align="start" role="alert">
        <PageTitle>{title.replace(/\.$/, '')}</PageTitle>
        <Text>{advice}</Text>
        <Button
          variant="default"
          onClick={() => {
            window.location.reload()
          }}
        >
          Load the page again
        </Button>
      </Stack>
    )
  }
}

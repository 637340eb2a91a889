import { Center, Loader, VisuallyHidden } from '@mantine/core'

export function FullPageLoader() {
  return (
    <Center component="main" h="100dvh" role="status">
      <Loader aria-hidden />
      <VisuallyHidden>Loading</VisuallyHidden>
    </Center>
  )
}

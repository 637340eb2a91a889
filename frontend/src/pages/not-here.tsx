import { Anchor, Container, Stack, Text } from '@mantine/core'
import { Link } from 'react-router'
import { PageTitle } from '../components/page-title'
import { homePath } from '../logic/return-path'

export function NotHerePage() {
  return (
    <Container component="main" size="xs" py="xl">
      <Stack>
        <PageTitle>Not here</PageTitle>
        <Text>There is no page at this address.</Text>
        <Anchor component={Link} to={homePath}>
          Go to the patients
        </Anchor>
      </Stack>
    </Container>
  )
}

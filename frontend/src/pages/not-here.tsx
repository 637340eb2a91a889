import { Anchor, Stack, Text } from '@mantine/core'
import { Link } from 'react-router'
import { PageTitle } from '../components/page-title'
import { PlainFrame } from '../components/plain-frame'
import { homePath } from '../logic/return-path'

export function NotHerePage() {
  return (
    <PlainFrame size="xs">
      <Stack>
        <PageTitle>Not here</PageTitle>
        <Text>There is no page at this address.</Text>
        <Anchor component={Link} to={homePath}>
          Go to the patients
        </Anchor>
      </Stack>
    </PlainFrame>
  )
}

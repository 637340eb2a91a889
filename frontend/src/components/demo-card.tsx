import { Paper, Stack, Text, Title, UnstyledButton } from '@mantine/core'
import { useDemo } from '../api/queries'

interface Props {
  onPick: (login: { userName: string; password: string }) => void
}

/** The instructions of the demo that the server has loaded. Outside a demo there is nothing to show. */
export function DemoCard({ onPick }: Props) {
  const { data: demo } = useDemo()
  if (!demo) return null
  return (
    <Paper component="section" aria-labelledby="demo-title">
      <Stack gap="sm">
        <Title order={2} size="h4" id="demo-title">
          {demo.title}
        </Title>
        {demo.instructions.map((line) => (
          <Text key={line}>{line}</Text>
        ))}
        <ul className="login-list">
          {demo.logins.map((login) => (
            <li key={login.userName}>
              <UnstyledButton
                className="login-button"
                onClick={() => {
                  onPick(login)
                }}
              >
                <span className="login-names">
                  <Text span fw={600}>
                    {login.userName}
                  </Text>
                  <Text span size="xs" c="dimmed">
                    password {login.password}
                  </Text>
                </span>
                {login.note && (
                  <Text span size="sm" c="dimmed" display="block">
                    {login.note}
                  </Text>
                )}
              </UnstyledButton>
            </li>
          ))}
        </ul>
      </Stack>
    </Paper>
  )
}

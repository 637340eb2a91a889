import { Button, Paper, PasswordInput, Stack, Text, TextInput, VisuallyHidden } from '@mantine/core'
import { useRef, useState, type SubmitEvent } from 'react'
import { Navigate, useSearchParams } from 'react-router'
import { useSession, useSignIn } from '../api/queries'
import { DemoCard } from '../components/demo-card'
import { ErrorNotice } from '../components/error-notice'
import { FullPageLoader } from '../components/full-page-loader'
import { PageTitle } from '../components/page-title'
import { PlainFrame } from '../components/plain-frame'
import { explainSignIn } from '../logic/explanation'
import { safeReturnPath } from '../logic/return-path'
import type { SignedOutReason } from '../logic/session-state'

const reasonText: Record<SignedOutReason, string | null> = {
  none: null,
  ended: 'Your session has ended. Sign in again to go on where you were.',
  left: 'You have signed out.',
  closed: 'You have ended the session that you worked in. Sign in to begin a new one.',
}

export function SignInPage() {
  const session = useSession()
  const [search] = useSearchParams()

  if (session.isPending) return <FullPageLoader />
  if (session.data?.status === 'signed-in') {
    return <Navigate to={safeReturnPath(search.get('next'))} replace />
  }
  // When the server could not be asked, the form is shown all the same: sending it says what is wrong.
  return <SignInForm reason={session.data?.reason ?? 'none'} />
}

function SignInForm({ reason }: { reason: SignedOutReason }) {
  const signIn = useSignIn()
  const [userName, setUserName] = useState('')
  const [password, setPassword] = useState('')
  const [missing, setMissing] = useState(false)
  const nameField = useRef<HTMLInputElement>(null)
  const passwordField = useRef<HTMLInputElement>(null)
  const submitButton = useRef<HTMLButtonElement>(null)

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (signIn.isPending) return
    if (userName === '' || password === '') {
      setMissing(true)
      const field = userName === '' ? nameField : passwordField
      field.current?.focus()
      return
    }
    setMissing(false)
    signIn.mutate({ userName, password })
  }

  function fill(login: { userName: string; password: string }) {
    setUserName(login.userName)
    setPassword(login.password)
    setMissing(false)
    signIn.reset()
    submitButton.current?.focus()
  }

  const note = reasonText[reason]
  return (
    <PlainFrame size="md">
      <div className="sign-in">
        <Paper withBorder p="lg" component="section">
          <form onSubmit={submit} noValidate aria-label="Sign in">
            <Stack>
              <PageTitle takesFocus={false}>Sign in</PageTitle>
              {note !== null && !signIn.isError && <Text role="status">{note}</Text>}
              {signIn.isError && <ErrorNotice explanation={explainSignIn(signIn.error)} />}
              <TextInput
                ref={nameField}
                label="User name"
                name="username"
                autoComplete="username"
                autoCapitalize="none"
                spellCheck={false}
                autoFocus
                value={userName}
                onChange={(event) => {
                  setUserName(event.currentTarget.value)
                }}
                error={missing && userName === '' ? 'Type your user name.' : null}
              />
              <PasswordInput
                ref={passwordField}
                label="Password"
                name="password"
                autoComplete="current-password"
                value={password}
                onChange={(event) => {
                  setPassword(event.currentTarget.value)
                }}
                error={missing && password === '' ? 'Type your password.' : null}
                visibilityToggleButtonProps={{ 'aria-label': 'Show the password', tabIndex: 0 }}
              />
              <Button ref={submitButton} type="submit" loading={signIn.isPending} fullWidth mt="xs">
                Sign in
              </Button>
              <VisuallyHidden role="status">{signIn.isPending ? 'Signing in' : ''}</VisuallyHidden>
            </Stack>
          </form>
        </Paper>
        <DemoCard onPick={fill} />
      </div>
    </PlainFrame>
  )
}

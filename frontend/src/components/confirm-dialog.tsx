import { Button, Group, Modal, Stack } from '@mantine/core'
import { useState, type ReactNode } from 'react'
import { explain } from '../logic/explanation'
import { ErrorNotice } from './error-notice'

interface Props {
  title: string
  /** What the button that does it says. */
  action: string
  danger?: boolean
  pending: boolean
  error: Error | null
  onConfirm: () => void
  onClose: () => void
  children: ReactNode
}

/** Asks before something is done, says what it does, and stays with the reason when it could not be done. */
export function ConfirmDialog({ title, action, danger = false, pending, error, onConfirm, onClose, children }: Props) {
  // Mantine gives the focus back only from a dialog that stays mounted; this one is there while it is asked.
  const [opener] = useState(() => document.activeElement)
  function close() {
    if (pending) return
    onClose()
    if (opener instanceof HTMLElement) opener.focus()
  }
  return (
    <Modal
      opened
      returnFocus={false}
      onClose={close}
      title={title}
      centered
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          if (!pending) onConfirm()
        }}
      >
        <Stack>
          {error !== null && <ErrorNotice explanation={explain(error)} />}
          {children}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={close} disabled={pending}>
              Cancel
            </Button>
            <Button type="submit" loading={pending} {...(danger && { color: 'red.9' })}>
              {action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

import { Button, VisuallyHidden } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'

/** Copies a text; `of` says which one to whoever hears the button instead of seeing where it stands. */
export function CopyButton({ text, of }: { text: string; of: string }) {
  const clipboard = useClipboard({ timeout: 3000 })
  // Browsers keep the clipboard from pages without HTTPS.
  const failed = clipboard.error !== null
  const told = failed ? 'Select and copy' : clipboard.copied ? 'Copied' : 'Copy'
  return (
    <>
      <Button
        variant="default"
        size="compact-sm"
        aria-label={`${told}: ${of}`}
        onClick={() => {
          clipboard.copy(text)
        }}
      >
        {told}
      </Button>
      <VisuallyHidden role="status">{clipboard.copied ? 'Copied' : ''}</VisuallyHidden>
    </>
  )
}

import { Alert, Button, Group, Text } from '@mantine/core'
import { useEffect, useEffectEvent, useRef, useState } from 'react'
import type { Explanation } from '../logic/explanation'

interface Props {
  explanation: Explanation
  /** Absent: there is nothing to repeat with a button, as in a form. */
  onRetry?: () => void
  retrying?: boolean
}

const longestPause = 30

/** Says what happened and what to do, takes the focus, and tries again by itself when the server said when. */
export function ErrorNotice({ explanation, onRetry, retrying = false }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const [attempts, setAttempts] = useState(0)
  useEffect(() => {
    box.current?.focus()
  }, [explanation.title])

  const automatic = onRetry !== undefined && explanation.retryAfter !== null
  // Every page that waits asks again: each time after twice the wait, so that they do not hold the server down.
  const pause = (first: number) => Math.min(Math.max(first, 1) * 2 ** attempts, longestPause)

  return (
    <Alert ref={box} color="red" variant="outline" title={explanation.title} role="alert" tabIndex={-1}>
      <Text size="sm">{automatic ? 'The page tries again by itself.' : explanation.advice}</Text>
      {onRetry && (
        <Group mt="sm" gap="sm">
          <Button size="xs" variant="default" onClick={onRetry} loading={retrying}>
            Try again
          </Button>
          {automatic && !retrying && (
            <Countdown
              key={attempts} // a try can fail so fast that `retrying` is never seen
              seconds={pause(explanation.retryAfter ?? 1)}
              onEnd={() => {
                setAttempts(attempts + 1)
                onRetry()
              }}
            />
          )}
        </Group>
      )}
    </Alert>
  )
}

function Countdown({ seconds, onEnd }: { seconds: number; onEnd: () => void }) {
  const [left, setLeft] = useState(seconds)
  const end = useEffectEvent(onEnd)
  useEffect(() => {
    if (left === 0) {
      end()
      return
    }
    const timer = setTimeout(() => {
      setLeft(left - 1)
    }, 1000)
    return () => {
      clearTimeout(timer)
    }
  }, [left])
  // Hidden from screen readers, which would read out every second inside the alert.
  return (
    <Text size="xs" c="dimmed" aria-hidden>
      next try in {left} s
    </Text>
  )
}

import { useEffect, useState } from 'react'
import { exactTime, relativeTime } from '../logic/moment'

const everyMs = 30_000

/** How long ago in words, and exactly when. A view tells of no column that it is never null. */
export function Moment({ iso }: { iso: string | null }) {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => {
      setNow(Date.now())
    }, everyMs)
    return () => {
      clearInterval(timer)
    }
  }, [])
  if (iso === null) return 'at an unknown time'
  return (
    <time dateTime={iso}>
      {relativeTime(iso, now)} ({exactTime(iso)})
    </time>
  )
}

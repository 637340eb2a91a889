import { ApiError, pageCode } from '../api/client'

/** What happened, what to do about it, and after how many seconds the page may try again by itself. */
export interface Explanation {
  title: string
  advice: string
  retryAfter: number | null
}

/** A part of the page did not arrive: the network is away, or a new version has taken its place on the server. */
export class MissingPart extends Error {
  override readonly name = 'MissingPart'

  constructor(cause: unknown) {
    super('A part of the page did not arrive.', { cause })
  }
}

const wrongNameOrPassword: Explanation = {
  title: 'The user name or the password is wrong.',
  advice: 'Check both and try again.',
  retryAfter: null,
}

/** 42501 has many reasons; this one closes the tenant to all its users. */
export function isSuspended(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403 && error.message === 'this tenant is suspended'
}

function wait(seconds: number | null, fallback: string): string {
  if (seconds === null || seconds < 1) return fallback
  return seconds === 1 ? 'Wait a second, then try again.' : `Wait ${seconds} seconds, then try again.`
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1) + (text.endsWith('.') ? '' : '.')
}

export function explain(error: unknown): Explanation {
  if (error instanceof MissingPart) {
    return {
      title: 'This page could not be loaded.',
      advice: 'Check your network connection, then load the page again.',
      retryAfter: null,
    }
  }
  if (!(error instanceof ApiError)) {
    return {
      title: 'The page made a mistake.',
      advice: 'Load the page again. If it comes back, tell the people who run this site.',
      retryAfter: null,
    }
  }
  const told = (title: string, advice: string, retryAfter: number | null = null) => ({ title, advice, retryAfter })

  if (error.code === pageCode.network) {
    return told('The server cannot be reached.', 'Check your network connection, then try again.')
  }
  if (error.code === pageCode.notJson && error.status >= 502) {
    // Something on the way answered in the server's place.
    return told('The server cannot be reached just now.', 'Try again in a moment.', error.retryAfter)
  }
  if (error.code === pageCode.timeout) {
    return told('The server took too long to answer.', 'Try again in a moment.')
  }
  if (error.code === pageCode.sessionChanged) {
    return told('Your session has changed.', 'You signed in or changed the tenant in another tab. Load the page again.')
  }
  switch (error.status) {
    case 401:
      return told('Your session has ended.', 'Sign in again.')
    case 403:
      if (isSuspended(error)) {
        return told('This tenant is suspended.', 'Nobody can work in it until an admin resumes it. Ask the people who run this site.')
      }
      return told('This is not allowed.', error.hint ?? sentence(error.message))
    case 404:
      return told('This is not here.', 'It does not exist, or it belongs to somebody else.')
    case 409:
      return told('This does not go together with what is there.', sentence(error.hint ?? error.message))
    case 429:
      return told('Too many attempts.', wait(error.retryAfter, 'Wait a minute, then try again.'))
    case 503:
      // What is away or busy, the server knows best; nothing of anybody's data is in it.
      return told(sentence(error.message), wait(error.retryAfter, 'Try again in a moment.'), error.retryAfter)
    case 504:
      return told('The database took too long to answer.', 'Try again. If it goes on, the system is overloaded.')
    default:
      break
  }
  if (error.status >= 400 && error.status < 500) {
    return told('The server did not accept this.', [error.message, error.hint].filter(Boolean).join(' '))
  }
  return told(
    'Something went wrong on the server.',
    'Try again. If it comes back, tell the people who run this site.',
  )
}

/** While signing in a refusal speaks of the name and the password: there is no session that could have ended. */
export function explainSignIn(error: unknown): Explanation {
  if (error instanceof ApiError && error.status === 401) return wrongNameOrPassword
  return explain(error)
}

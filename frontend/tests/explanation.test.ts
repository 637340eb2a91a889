import { describe, expect, it } from 'vitest'
import { ApiError, pageCode } from '../src/api/client'
import { explain, explainSignIn } from '../src/logic/explanation'

function failure(status: number, fields: Partial<ConstructorParameters<typeof ApiError>[0]> = {}) {
  return new ApiError({ status, code: `HTTP${status}`, message: 'said by the server', ...fields })
}

describe('explain', () => {
  it.each([
    [failure(0, { code: pageCode.network }), 'The server cannot be reached.'],
    [failure(0, { code: pageCode.timeout }), 'The server took too long to answer.'],
    [failure(401, { code: '28000' }), 'Your session has ended.'],
    [failure(403, { code: '42501' }), 'This is not allowed.'],
    [failure(404), 'This is not here.'],
    [failure(409, { code: '23503' }), 'This does not go together with what is there.'],
    [failure(429, { code: '53400' }), 'Too many attempts.'],
    [failure(502, { code: pageCode.notJson }), 'The server cannot be reached just now.'],
    [failure(503, { code: pageCode.notJson }), 'The server cannot be reached just now.'],
    [failure(503, { code: '08006', message: 'the database is not available' }), 'The database is not available.'],
    [failure(504, { code: '57014' }), 'The database took too long to answer.'],
    [failure(400, { code: '22P02' }), 'The server did not accept this.'],
    [failure(500), 'Something went wrong on the server.'],
    [new TypeError('undefined is not a function'), 'The page made a mistake.'],
  ])('%o', (error, title) => {
    const explanation = explain(error)
    expect(explanation.title).toBe(title)
    expect(explanation.advice).not.toBe('')
  })

  it('tries again by itself only when the server said when', () => {
    expect(explain(failure(503, { retryAfter: 5 })).retryAfter).toBe(5)
    expect(explain(failure(503)).retryAfter).toBeNull()
    expect(explain(failure(429, { retryAfter: 5 })).retryAfter).toBeNull()
  })

  it('says how long to wait after too many attempts', () => {
    expect(explain(failure(429, { retryAfter: 30 })).advice).toBe('Wait 30 seconds, then try again.')
    expect(explain(failure(429)).advice).toBe('Wait a minute, then try again.')
  })

  it('gives the hint of a refused request', () => {
    const error = failure(400, { message: 'The id is not a number.', hint: 'Use digits.' })
    expect(explain(error).advice).toBe('The id is not a number. Use digits.')
  })

  it('keeps what a server error says to itself', () => {
    expect(JSON.stringify(explain(failure(500, { message: 'relation "x"' })))).not.toContain('relation')
  })
})

describe('explainSignIn', () => {
  it('has one text for every refusal', () => {
    const texts = [failure(401, { code: '28P01' }), failure(401, { code: '28000' })].map(explainSignIn)
    expect(texts[0]?.title).toBe('The user name or the password is wrong.')
    expect(texts[1]).toEqual(texts[0])
  })

  it('leaves other failures as they are', () => {
    const error = failure(503, { retryAfter: 2 })
    expect(explainSignIn(error)).toEqual(explain(error))
  })
})

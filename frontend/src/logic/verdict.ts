import { isAnswerTo, sameId } from './session-state'
import type { Context, Session } from '../api/client'

/** What came back, whatever it was. */
export interface Outcome {
  /** HTTP status; 0 when no answer arrived. */
  status: number
  /** SQLSTATE, or a code of the gateway; null when it went well. */
  code: string | null
  message: string | null
  details: string | null
  hint: string | null
  /** Null where the answer was no list of rows. */
  rows: Row[] | null
  /** For whom the gateway says it was made. */
  context: Context | null
}

export type Row = Record<string, unknown>

/**
 * refused: the system said no; harmless: it ran and told nothing that the user may not know; broken: it worked;
 * unclear: it was no proof of anything, such as a statement with a mistake.
 */
export type Verdict = 'refused' | 'harmless' | 'broken' | 'unclear'

export interface Judgement {
  verdict: Verdict
  says: string
}

export interface Rule {
  mustBeRefused: boolean
  tellingErrors?: string[]
}

/** What a free text is judged by. */
export const ownText: Rule = { mustBeRefused: false }

const plainName = (name: string) => name.toLowerCase().replaceAll('_', '')

/** Password hashes as crypt(3) writes them. */
const hash = /\$(2[abxy]|y|6|5|1)\$/

type Owner = 'own' | 'foreign' | 'secret' | 'unknown'

/** The worst that is true of some of them; unknown only where nothing else is. */
function worst(owners: Owner[]): Owner {
  for (const owner of ['secret', 'foreign', 'own'] as const) if (owners.includes(owner)) return owner
  return 'unknown'
}

function isId(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}

/** Whose a row is, by what it says of itself; rows inside of rows count, too. */
export function ownerOf(row: unknown, tenantId: string): Owner {
  if (typeof row === 'string') {
    if (hash.test(row)) return 'secret'
    // JSON or a row that was made a text.
    if (!/^\s*[[{]/.test(row)) return 'unknown'
    try {
      return ownerOf(JSON.parse(row), tenantId)
    } catch {
      return 'unknown'
    }
  }
  if (Array.isArray(row)) return worst(row.map((item) => ownerOf(item, tenantId)))
  if (typeof row !== 'object' || row === null) return 'unknown'

  const fields = Object.entries(row)
  const names = new Set(fields.map(([name]) => plainName(name)))
  const isTenant = names.has('displayname') && !names.has('tenantid')
  return worst(
    fields.map(([name, value]) => {
      const plain = plainName(name)
      if (/^(passwordhash|tokenhash)$/.test(plain) && value !== null) return 'secret'
      if (isId(value) && (plain === 'tenantid' || (isTenant && plain === 'id'))) {
        return sameId(value, tenantId) ? 'own' : 'foreign'
      }
      return ownerOf(value, tenantId)
    }),
  )
}

const count = (rows: number, one: string) => `${rows === 1 ? 'One' : rows} ${one}${rows === 1 ? '' : 's'}`

function judgeRows(rows: Row[], tenantId: string): Judgement {
  const owners = rows.map((row) => ownerOf(row, tenantId))
  const of = (owner: Owner) => owners.filter((candidate) => candidate === owner).length
  if (of('secret') > 0) return { verdict: 'broken', says: 'Secrets came back.' }
  if (of('foreign') > 0) return { verdict: 'broken', says: `${count(of('foreign'), 'row')} of others came back.` }
  if (rows.length === 0) return { verdict: 'harmless', says: 'It ran, and nothing came back.' }
  if (of('unknown') > 0) {
    return {
      verdict: 'unclear',
      says: 'These rows do not say whose they are. Select tenant_id with them, or group by it.',
    }
  }
  const says = rows.length === 1 ? 'One row came back, your own.' : `${rows.length} rows came back, all your own.`
  return { verdict: 'harmless', says }
}

/** Mistakes of whoever wrote the statement. */
const mistake = /^(42(601|602|622|701|702|703|704|712|725|803|804|809|846|883|P0[1-9]|P1[0-9]|P2[0-2])|22|21|23|3D|3F)/
/** The server was busy or broken; nothing was tried. */
const trouble = /^(08|40|53|54|55P03|57|58|F0|XX)/

function judgeError({ status, code, message }: Outcome): Judgement {
  if (status === 0) return { verdict: 'unclear', says: message ?? 'No answer arrived. Try again.' }
  if (status === 429 || status >= 502 || (code !== null && trouble.test(code))) {
    return { verdict: 'unclear', says: 'The server could not try it just now. Try again.' }
  }
  if (code !== null && mistake.test(code)) {
    return { verdict: 'unclear', says: 'The statement has a mistake, so this proves nothing. Mend it and try again.' }
  }
  if (status === 404) return { verdict: 'refused', says: 'The answer is the one for a row that does not exist.' }
  if (status >= 500) return { verdict: 'unclear', says: 'The server made a mistake, so this proves nothing.' }
  return { verdict: 'refused', says: message === null ? 'It was refused.' : `It was refused: ${message}.` }
}

/** What an answer proves, seen from the session whose page asked. */
export function judge(rule: Rule, outcome: Outcome, session: Session): Judgement {
  const { code, rows, context, status } = outcome
  if (code !== null && rule.tellingErrors?.includes(code)) {
    return { verdict: 'broken', says: 'The error tells that a row of others was there.' }
  }
  if (code !== null || status < 200 || status > 299) return judgeError(outcome)
  if (context !== null && !isAnswerTo(session, context)) {
    return { verdict: 'unclear', says: 'You signed in or changed the tenant in another tab. Load the page again.' }
  }
  const judgement = judgeRows(rows ?? [], session.tenantId ?? '')
  if (judgement.verdict !== 'broken' && rule.mustBeRefused) {
    return { verdict: 'broken', says: 'It was not refused.' }
  }
  return judgement
}

export const verdictLabel: Record<Verdict, string> = {
  refused: 'Refused',
  harmless: 'Harmless',
  broken: 'Broken in',
  unclear: 'No proof',
}

/** The outcome of a whole tour in one sentence. */
export function summary(verdicts: readonly Verdict[], of: number): string {
  const tally = (verdict: Verdict) => verdicts.filter((candidate) => candidate === verdict).length
  if (verdicts.length === 0) return `${of} attacks are waiting. None has been tried yet.`
  const tried = `${verdicts.length} of ${of} tried`
  if (tally('broken') > 0) return `${tried}: ${tally('broken')} broke in.`
  if (tally('unclear') > 0) return `${tried}: none broke in, ${tally('unclear')} proved nothing.`
  return `${tried}: none broke in.`
}

import type { Session } from '../api/client'
import type { Attack } from './attacks'
import { judge, ownText, type Judgement, type Outcome } from './verdict'

/** One attack that was tried. */
export interface Trial {
  outcome: Outcome
  judgement: Judgement
}

export function trialOf(attack: Attack, statement: string | null, outcome: Outcome, session: Session): Trial {
  return { outcome, judgement: judge(isChanged(attack, statement) ? ownText : attack, outcome, session) }
}

/** Once its text is another one, an attack is judged by what comes back alone. */
export function isChanged({ attempt }: Attack, statement: string | null): boolean {
  return attempt.kind === 'sql' && statement !== null && statement.trim() !== attempt.statement
}

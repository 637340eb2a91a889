import { NavLink } from 'react-router'
import type { Session } from '../api/client'
import { useDemo } from '../api/queries'
import { pageGroups } from '../logic/pages'

interface Props {
  session: Session
  onFollow?: () => void
}

/** The way between the pages of a session, in groups. The link of the open page is marked. */
export function PageLinks({ session, onFollow }: Props) {
  const demo = useDemo()
  return pageGroups(session.isAdmin, Boolean(demo.data)).map((group) => (
    <section key={group.label} className="page-links" aria-label={group.label}>
      <p className="page-links-label" aria-hidden>
        {group.label}
      </p>
      <ul className="plain-list">
        {group.links.map(({ path, label }) => (
          <li key={path}>
            <NavLink to={path} className="page-link" onClick={onFollow}>
              {label}
            </NavLink>
          </li>
        ))}
      </ul>
    </section>
  ))
}

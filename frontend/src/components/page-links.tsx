import { NavLink } from 'react-router'
import { homePath, usersPath } from '../logic/return-path'

/** The way between the pages of a session. */
export function PageLinks() {
  return (
    <nav aria-label="Pages" className="page-links">
      <NavLink to={homePath} className="page-link">
        Patients
      </NavLink>
      <NavLink to={usersPath} className="page-link">
        Users
      </NavLink>
    </nav>
  )
}

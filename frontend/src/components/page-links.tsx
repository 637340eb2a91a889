import { NavLink } from 'react-router'
import { activityPath, homePath, usersPath } from '../logic/return-path'

/** The way between the pages of a session. */
export function PageLinks({ isAdmin }: { isAdmin: boolean }) {
  return (
    <nav aria-label="Pages" className="page-links">
      <NavLink to={homePath} className="page-link">
        Patients
      </NavLink>
      <NavLink to={usersPath} className="page-link">
        Users
      </NavLink>
      {isAdmin && (
        <NavLink to={activityPath} className="page-link">
          Activity
        </NavLink>
      )}
    </nav>
  )
}

import { Navigate, Route, Routes } from 'react-router'
import { useOtherTabs } from './api/queries'
import { RequireAllTenants } from './components/all-tenants-gate'
import { lazyPage } from './components/lazy-page'
import { RequireSession, RequireTenant } from './components/session-gate'
import { SignedInFrame } from './components/signed-in-frame'
import { auditPath, homePath, sessionsPath, signInPath, tenantsPath, usersPath } from './logic/return-path'
import { NotHerePage } from './pages/not-here'
import { PatientPage } from './pages/patient'
import { PatientsPage } from './pages/patients'
import { SignInPage } from './pages/sign-in'
import { TenantPage } from './pages/tenant'
import { UsersPage } from './pages/users'

const SessionsPage = lazyPage(async () => (await import('./pages/sessions')).SessionsPage)
const TenantsPage = lazyPage(async () => (await import('./pages/tenants')).TenantsPage)
const AuditPage = lazyPage(async () => (await import('./pages/audit')).AuditPage)

export function AppRoutes() {
  useOtherTabs()
  return (
    <Routes>
      <Route path="/" element={<Navigate to={homePath} replace />} />
      <Route path={signInPath} element={<SignInPage />} />
      <Route element={<RequireSession />}>
        <Route element={<SignedInFrame />}>
          <Route path="/tenant" element={<TenantPage />} />
          <Route element={<RequireTenant />}>
            <Route path={homePath} element={<PatientsPage />} />
            <Route path={`${homePath}/:id`} element={<PatientPage />} />
            <Route path={usersPath} element={<UsersPage />} />
            <Route path={sessionsPath} element={<SessionsPage />} />
            <Route element={<RequireAllTenants />}>
              <Route path={tenantsPath} element={<TenantsPage />} />
              <Route path={auditPath} element={<AuditPage />} />
            </Route>
          </Route>
        </Route>
      </Route>
      <Route path="*" element={<NotHerePage />} />
    </Routes>
  )
}

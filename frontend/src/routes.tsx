import { Navigate, Route, Routes } from 'react-router'
import { useOtherTabs } from './api/queries'
import { lazyPage } from './components/lazy-page'
import { RequireSession, RequireTenant } from './components/session-gate'
import { SignedInFrame } from './components/signed-in-frame'
import { homePath, isolationPath, signInPath, tourPath, usersPath } from './logic/return-path'
import { NotHerePage } from './pages/not-here'
import { PatientsPage } from './pages/patients'
import { SignInPage } from './pages/sign-in'
import { TenantPage } from './pages/tenant'
import { UsersPage } from './pages/users'

const IsolationPage = lazyPage(async () => (await import('./pages/isolation')).IsolationPage)
const TourPage = lazyPage(async () => (await import('./pages/tour')).TourPage)

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
            <Route path={usersPath} element={<UsersPage />} />
            <Route path={isolationPath} element={<IsolationPage />} />
            <Route path={tourPath} element={<TourPage />} />
          </Route>
        </Route>
      </Route>
      <Route path="*" element={<NotHerePage />} />
    </Routes>
  )
}

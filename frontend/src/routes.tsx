import { lazy, Suspense } from 'react'
import { Navigate, Route, Routes } from 'react-router'
import { useOtherTabs } from './api/queries'
import { FullPageLoader } from './components/full-page-loader'
import { RequireSession, RequireTenant } from './components/session-gate'
import { activityPath, homePath, signInPath, usersPath } from './logic/return-path'
import { NotHerePage } from './pages/not-here'
import { PatientsPage } from './pages/patients'
import { SignInPage } from './pages/sign-in'
import { TenantPage } from './pages/tenant'
import { UsersPage } from './pages/users'

const ActivityPage = lazy(async () => ({ default: (await import('./pages/activity')).ActivityPage }))

export function AppRoutes() {
  useOtherTabs()
  return (
    <Routes>
      <Route path="/" element={<Navigate to={homePath} replace />} />
      <Route path={signInPath} element={<SignInPage />} />
      <Route element={<RequireSession />}>
        <Route path="/tenant" element={<TenantPage />} />
        <Route element={<RequireTenant />}>
          <Route path={homePath} element={<PatientsPage />} />
          <Route path={usersPath} element={<UsersPage />} />
          <Route
            path={activityPath}
            element={
              <Suspense fallback={<FullPageLoader />}>
                <ActivityPage />
              </Suspense>
            }
          />
        </Route>
      </Route>
      <Route path="*" element={<NotHerePage />} />
    </Routes>
  )
}

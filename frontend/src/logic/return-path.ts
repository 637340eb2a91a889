export const homePath = '/patients'
/** The page of one patient. */
export const patientPath = (id: number) => `${homePath}/${id}`
export const usersPath = '/users'
export const sessionsPath = '/sessions'
export const tenantsPath = '/admin/tenants'
export const auditPath = '/admin/audit'
export const signInPath = '/signin'

/**
 * The page to open after sign-in, taken from the address bar and therefore from anybody who can make
 * a link. Only a path of this site passes; everything else becomes the home page.
 */
export function safeReturnPath(wanted: string | null, origin: string = window.location.origin): string {
  if (!wanted?.startsWith('/')) return homePath
  let url: URL
  try {
    url = new URL(wanted, origin)
  } catch {
    return homePath
  }
  // The parser turns "//host", "/\host" and "/<tab>/host" into another host: compare what came out.
  if (url.origin !== origin) return homePath
  const path = url.pathname + url.search + url.hash
  // "/.//host" parses to a path that begins with two slashes, which is a host again when it is used.
  if (path.startsWith('//')) return homePath
  if (url.pathname === signInPath || url.pathname === '/') return homePath
  return path
}

export function signInTarget(location: { pathname: string; search: string; hash: string }): string {
  const here = safeReturnPath(location.pathname + location.search + location.hash)
  return here === homePath ? signInPath : `${signInPath}?next=${encodeURIComponent(here)}`
}

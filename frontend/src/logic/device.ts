/** The first that fits: most browsers name others besides themselves. */
const browsers: [RegExp, string][] = [
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Chrome|HeadlessChrome|CriOS)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
]

const systems: [RegExp, string][] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bMac OS X\b|\bMacintosh\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
]

const longestName = 40

const firstFit = (names: [RegExp, string][], text: string) => names.find(([pattern]) => pattern.test(text))?.[1]

/** What somebody signed in with, in words. Anybody may send any text for it, so it tells nothing for certain. */
export function deviceName(userAgent: string | null): string {
  const text = userAgent?.trim() ?? ''
  if (text === '') return 'Unknown device'
  const browser = firstFit(browsers, text)
  const system = firstFit(systems, text)
  if (browser !== undefined) return system === undefined ? browser : `${browser} on ${system}`
  // A program, such as "curl/8.5.0".
  const [name = text] = text.split(/[\s/]/)
  return name.length > longestName ? `${name.slice(0, longestName)}…` : name
}

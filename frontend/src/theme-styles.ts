import { convertCssVariables, DEFAULT_THEME, defaultCssVariablesResolver, mergeMantineTheme } from '@mantine/core'
import { theme } from './theme'

/**
 * The theme's own variables as a constructed style sheet. Mantine would put them into a style element, which the gateway's
 * content security policy forbids: nothing that gets into the page as markup may style it.
 */
export function adoptThemeStyles(): void {
  const own = defaultCssVariablesResolver(mergeMantineTheme(DEFAULT_THEME, theme))
  const known = defaultCssVariablesResolver(DEFAULT_THEME)
  // What Mantine's style sheet says already stays there, for page.css comes after it and before this sheet.
  const changed = (ours: Record<string, string>, theirs: Record<string, string>) =>
    Object.fromEntries(Object.entries(ours).filter(([name, value]) => theirs[name] !== value))
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(
    convertCssVariables(
      {
        variables: changed(own.variables, known.variables),
        light: changed(own.light, known.light),
        dark: changed(own.dark, known.dark),
      },
      ':root',
    ),
  )
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
}

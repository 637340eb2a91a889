/** The pattern of `ilike` for a text that stands anywhere: what is typed means itself, also % and _. */
export function likePattern(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`
}

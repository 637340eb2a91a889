const mostWords = 5

/**
 * One condition for each word: it is somewhere in one of the columns, whatever its case. In the word nothing is a
 * wildcard but the star, for which the data API has no escape: it stands for any one character.
 */
export function searchConditions(search: string, columns: readonly string[]): string[] {
  const words = search.trim().split(/\s+/).filter((word) => word !== '')
  return words.slice(0, mostWords).map((word) => {
    const pattern = `%${word.replaceAll(/[\\%_]/g, '\\$&').replaceAll('*', '_')}%`
    const quoted = `"${pattern.replaceAll(/[\\"]/g, '\\$&')}"`
    return columns.map((column) => `${column}.ilike.${quoted}`).join(',')
  })
}

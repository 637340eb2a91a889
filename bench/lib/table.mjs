// A table for the screen, which is also one in Markdown. Columns of figures stand to the right.

export function textTable(columns, rows) {
  const cells = [columns, ...rows].map((row) => row.map(String))
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column].length)))
  const right = columns.map((_, column) => cells.slice(1).every((row) => /^([\d,.+-]+( .*\)|[ %×].{0,3})?|–|)$/.test(row[column])))
  const line = (row) => `| ${row.map((cell, column) => (right[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (right[column] ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`
  return [line(cells[0]), rule, ...cells.slice(1).map(line)].join('\n')
}

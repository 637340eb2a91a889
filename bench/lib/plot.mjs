// Plots as SVG that can be read in a README, on white and on dark: they bring their own light ground, and real text.
//
// rowsPlot: a row for each thing compared, a mark for each series in it: the median, and a line from the least to the greatest.
// linesPlot: a line for each series over a few values of x, such as numbers of connections.

const colours = ['#0969da', '#bc4c00', '#1a7f37', '#8250df', '#cf222e', '#57606a']
const ink = '#1f2328'
const faint = '#d0d7de'
const width = 860

const escaped = (text) => String(text).replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`)

// With a rim of the ground's colour, so that a line behind it does not run through the letters.
const text = (x, y, words, { anchor = 'start', size = 12, weight = 'normal', fill = ink } = {}) =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}" font-weight="${weight}" fill="${fill}" stroke="#ffffff" stroke-width="3" paint-order="stroke">${escaped(words)}</text>`

const line = (x1, y1, x2, y2, stroke, more = '') =>
  `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="${stroke}" ${more}/>`

function page(height, title, subtitle, parts) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="6" fill="#ffffff" stroke="${faint}"/>`,
    text(20, 28, title, { size: 16, weight: 'bold' }),
    subtitle ? text(20, 47, subtitle, { size: 12, fill: '#57606a' }) : '',
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

function legend(series, y) {
  let x = 20
  return series.flatMap((name, index) => {
    const at = x
    x += 26 + name.length * 6.6
    return [`<circle cx="${at + 5}" cy="${y - 4}" r="4.5" fill="${colours[index % colours.length]}"/>`, text(at + 14, y, name)]
  })
}

function scaleOf(values, { log, from, to }, start, end) {
  const transform = log ? Math.log10 : (value) => value
  const least = from ?? Math.min(...values)
  const most = to ?? Math.max(...values)
  const span = transform(most) - transform(least) || 1
  return (value) => start + ((transform(Math.min(Math.max(value, least), most)) - transform(least)) / span) * (end - start)
}

function ticksOf(least, most, log) {
  if (log) {
    const ticks = []
    for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++) {
      for (const digit of most / least < 50 ? [1, 2, 5] : [1]) ticks.push(digit * 10 ** power)
    }
    return ticks.filter((tick) => tick >= least * 0.999 && tick <= most * 1.001)
  }
  const step = [1, 2, 2.5, 5, 10].map((digit) => digit * 10 ** Math.floor(Math.log10((most - least) / 5))).find((size) => (most - least) / size <= 7)
  const ticks = []
  for (let tick = Math.ceil(least / step - 1e-9) * step; tick <= most * (1 + 1e-9); tick += step) ticks.push(tick)
  return ticks
}

const tickText = (value) => Number(value.toPrecision(3)).toLocaleString('en-US', { maximumFractionDigits: 6 })

/**
 * rows: [{ label, points: [{ median, min, max }] }], the points in the order of series; a row with a label alone is a heading.
 * axis: { label, log, from, to, line }, of which line draws a rule, as the ratio 1.
 */
export function rowsPlot({ title, subtitle, series, rows, axis, format = tickText }) {
  const points = rows.flatMap((row) => row.points ?? []).filter(Boolean)
  const left = Math.min(400, 40 + Math.max(...rows.filter((row) => row.points).map((row) => row.label.length)) * 6.9)
  const right = width - 100
  const values = points.flatMap((point) => [point.min, point.max]).concat(axis.line ?? [])
  const log = axis.log ?? false
  const least = axis.from ?? (log ? Math.min(...values) / 1.2 : Math.min(0, ...values))
  const most = axis.to ?? Math.max(...values) * (log ? 1.2 : 1.05)
  const x = scaleOf(values, { log, from: least, to: most }, left, right)
  const top = series.length > 1 ? 96 : 76
  const heightOf = (row) => (row.points ? Math.max(22, 8 + 13 * row.points.length) : 26)
  const bottom = top + rows.reduce((sum, row) => sum + heightOf(row), 0)
  const parts = series.length > 1 ? legend(series, 68) : []
  for (const tick of ticksOf(least, most, log)) {
    parts.push(line(x(tick), top - 6, x(tick), bottom, '#eaeef2'), text(x(tick), bottom + 16, tickText(tick), { anchor: 'middle', size: 11 }))
    // Of a long plot one sees one end at a time.
    if (bottom - top > 500) parts.push(text(x(tick), top - 10, tickText(tick), { anchor: 'middle', size: 11 }))
  }
  if (axis.line !== undefined) parts.push(line(x(axis.line), top - 8, x(axis.line), bottom, ink, 'stroke-dasharray="4 3"'))
  let y = top
  for (const row of rows) {
    const height = heightOf(row)
    if (!row.points) parts.push(text(20, y + 18, row.label, { weight: 'bold' }))
    else {
      parts.push(text(left - 12, y + height / 2 + 4, row.label, { anchor: 'end' }))
      row.points.forEach((point, index) => {
        if (!point) return
        const at = y + height / 2 + (index - (row.points.length - 1) / 2) * 13
        const colour = colours[index % colours.length]
        parts.push(
          line(x(point.min), at, x(point.max), at, colour, 'stroke-width="2.5" stroke-opacity="0.35" stroke-linecap="round"'),
          `<circle cx="${x(point.median).toFixed(1)}" cy="${at.toFixed(1)}" r="4" fill="${colour}"/>`,
          text(right + 12, at + 4, format(point.median), { size: 11 }),
        )
      })
    }
    y += height
  }
  parts.push(text((left + right) / 2, bottom + 34, axis.label, { anchor: 'middle' }))
  return page(bottom + 48, title, subtitle, parts)
}

/** series: [{ name, points: [{ x, median, min, max }] }]. The values of x stand at equal distances. */
export function linesPlot({ title, subtitle, series, axis, xLabel }) {
  const steps = [...new Set(series.flatMap(({ points }) => points.map((point) => point.x)))].sort((a, b) => a - b)
  const [left, right, top, bottom] = [80, width - 30, 86, 386]
  const values = series.flatMap(({ points }) => points.flatMap((point) => [point.min, point.max])).concat(axis.line ?? [])
  const log = axis.log ?? false
  const least = axis.from ?? (log ? Math.min(...values) / 1.2 : 0)
  const most = axis.to ?? Math.max(...values) * (log ? 1.2 : 1.05)
  const y = scaleOf(values, { log, from: least, to: most }, bottom, top)
  const x = (value) => left + 20 + (steps.indexOf(value) / Math.max(1, steps.length - 1)) * (right - left - 40)
  const parts = legend(series.map(({ name }) => name), 68)
  for (const tick of ticksOf(least, most, log)) {
    parts.push(line(left, y(tick), right, y(tick), '#eaeef2'), text(left - 8, y(tick) + 4, tickText(tick), { anchor: 'end', size: 11 }))
  }
  if (axis.line !== undefined) parts.push(line(left, y(axis.line), right, y(axis.line), ink, 'stroke-dasharray="4 3"'))
  for (const step of steps) parts.push(text(x(step), bottom + 18, tickText(step), { anchor: 'middle', size: 11 }))
  series.forEach(({ points }, index) => {
    const colour = colours[index % colours.length]
    const way = points.map((point) => `${x(point.x).toFixed(1)},${y(point.median).toFixed(1)}`).join(' ')
    parts.push(`<polyline points="${way}" fill="none" stroke="${colour}" stroke-width="2"/>`)
    for (const point of points) {
      parts.push(
        line(x(point.x), y(point.min), x(point.x), y(point.max), colour, 'stroke-width="2.5" stroke-opacity="0.35" stroke-linecap="round"'),
        `<circle cx="${x(point.x).toFixed(1)}" cy="${y(point.median).toFixed(1)}" r="4" fill="${colour}"/>`,
      )
    }
  })
  parts.push(text((left + right) / 2, bottom + 38, xLabel, { anchor: 'middle' }), text(20, top - 4, axis.label, { size: 11, fill: '#57606a' }))
  return page(bottom + 52, title, subtitle, parts)
}

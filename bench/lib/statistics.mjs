// Medians and ranges. A range that is wider than a difference says that there is nothing to see.

const ordered = (values) => [...values].sort((a, b) => a - b)

export function median(values) {
  const sorted = ordered(values)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/** part 0.99: the value that 99 of 100 do not exceed. */
export const percentile = (values, part) => ordered(values)[Math.min(values.length - 1, Math.floor(values.length * part))]

export const spread = (values) => ({ median: median(values), min: Math.min(...values), max: Math.max(...values) })

/**
 * Of two rows of figures whose n-th were taken side by side. The median of the ratios by round is the one to quote: what
 * disturbed a round disturbed both of its sides.
 */
export function ratio(these, those) {
  return { ...spread(these.map((value, index) => value / those[index])), ofBest: Math.min(...these) / Math.min(...those) }
}

// --- how figures are written ---

export function decimals(value) {
  if (!Number.isFinite(value)) return '–'
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** "median (least to greatest)", after multiplying: 1e6 makes microseconds of seconds. */
export const shown = ({ median: middle, min, max }, factor = 1) =>
  `${decimals(middle * factor)} (${decimals(min * factor)} to ${decimals(max * factor)})`

export const shownRatio = ({ median: middle, min, max }, digits = 2) =>
  `${middle.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`

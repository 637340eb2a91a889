// Runs the questions one after the other, prints what they found and keeps it. A question that fails says so, and the next
// one begins. Started by bench/run.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { instance } from './instance.mjs'
import { commitOf, describeMachine } from './machine.mjs'
import { interleave } from './measure.mjs'
import { linesPlot, rowsPlot } from './plot.mjs'
import { textTable } from './table.mjs'
import { questions } from '../questions/all.mjs'

const chosen = process.argv.slice(2)
const unknown = chosen.filter((word) => !questions.some(({ name, number }) => [name, String(number)].includes(word)))
if (unknown.length > 0) {
  console.error(`error: there is no question ${unknown[0]}: ${questions.map(({ name, number }) => `${number} ${name}`).join(', ')}`)
  process.exit(2)
}

const quick = process.env.BENCH_QUICK === 'yes'
// What asks for more than fits into ten minutes is kept beside the usual figures.
const suffix = process.env.BENCH_LARGE === 'yes' ? '_large' : ''
const machine = describeMachine()
const place = instance()
const folder = process.env.BENCH_RESULTS
mkdirSync(folder, { recursive: true })
const head = { date: new Date().toISOString().slice(0, 16), commit: commitOf(place.root), quick, machine, ...(await place.versions()) }
const inSeconds = (milliseconds) => `${(milliseconds / 1000).toFixed(0)} s`
const failed = []

for (const question of questions) {
  if (chosen.length > 0 && !chosen.includes(question.name) && !chosen.includes(String(question.number))) continue
  const began = performance.now()
  console.log(`\n==> ${question.number}. ${question.title}`)
  const log = (text) => console.error(`    [${inSeconds(performance.now() - began)}] ${text}`)
  const seconds = question.seconds[quick ? 'quick' : 'full']
  const bench = {
    ...place,
    quick,
    rounds: 5,
    seconds,
    log,
    /** What is left of the question's time; never so little that preparing on a busy machine leaves nothing to measure in. */
    left: () => Math.max(seconds / 4, seconds - (performance.now() - began) / 1000),
    interleave: (groups, options = {}) => interleave(groups, { rounds: 5, seconds: bench.left(), log, ...options }),
  }
  try {
    const report = await atMost(seconds * 3 + 60, ask(question, bench))
    keep(question, report, (performance.now() - began) / 1000)
  } catch (error) {
    failed.push(question.name)
    console.log(`FAILED: ${question.name}: ${error.stack ?? error}`)
    write(question, { page: `This question failed: ${String(error.message).split('\n')[0]}` })
  } finally {
    await atMost(30, question.end?.(bench)).catch((error) => console.error(`    cleaning up: ${error.message}`))
  }
  log('done')
}
writeFileSync(path.join(folder, 'report.md'), report())
console.log(`\n${headText()}\n\nKept in ${path.relative(place.root, folder)}.`)
if (failed.length > 0) console.log(`These questions failed: ${failed.join(', ')}`)
// A question that ran out of time may have left something waiting.
process.exit(failed.length > 0 ? 1 : 0)

async function ask(question, bench) {
  await question.prepare?.(bench)
  const measurements = question.run ? await question.run(bench) : await bench.interleave(await question.variants(bench))
  return { measurements, ...(await question.report(measurements, bench)) }
}

async function atMost(limit, promise) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${limit} s`)), limit * 1000)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

function keep(question, { measurements, tables = [], plots = [], notes = [], aims = [], facts = {} }, took) {
  const page = tables.flatMap(({ title, columns, rows }) => [`### ${title}`, textTable(columns, rows)])
  const lost = Object.values(measurements).filter((one) => one?.error)
  if (lost.length > 0) page.push(`Not measured:\n\n${lost.map(({ group, variant, error }) => `- ${group}, ${variant}: ${error}`).join('\n')}`)
  if (aims.length > 0) page.push(aims.map(({ text, reached }) => `- ${reached ? 'reached' : '**not reached**'}: ${text}`).join('\n'))
  page.push(...notes)
  console.log(`\n${page.join('\n\n')}`)
  plots.forEach(({ kind, ...plot }, index) => {
    const file = `${question.name}${suffix}${index === 0 ? '' : `_${index + 1}`}.svg`
    writeFileSync(path.join(folder, file), (kind === 'lines' ? linesPlot : rowsPlot)(plot))
    page.push(`![${plot.title}](${file})`)
  })
  write(question, { page: page.join('\n\n'), seconds: Math.round(took), aims, facts, notes, tables, measurements })
}

function write({ name, number, title }, found) {
  const all = { question: name, number, title: suffix ? `${title}: asked for more` : title, ...head, ...found }
  writeFileSync(path.join(folder, `${name}${suffix}.json`), `${JSON.stringify(all, rounded, 1)}\n`)
}

/** Of all that is kept: a question that was asked again alone has its own date there. */
function report() {
  const all = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')))
    .filter(({ page }) => page)
    .sort((a, b) => a.number - b.number)
  const apart = ({ date, commit }) => (date === head.date ? '' : `\n\nAsked on ${date.replace('T', ', ')}, at commit ${commit}.`)
  return `${[headText(), ...all.map((one) => `## ${one.number}. ${one.title}${apart(one)}\n\n${one.page}`)].join('\n\n')}\n`
}

// Six digits are more than any figure here has.
function rounded(_, value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value
}

function headText() {
  return [
    `# What was measured${quick ? ', in a hurry: rough figures' : ''}`,
    `Made by \`make ${quick ? 'bench-quick' : 'bench'}\` on ${head.date.replace('T', ', ')}, at commit ${head.commit}.`,
    textTable(
      ['machine', ''],
      [
        ['processor', `${machine.cores} cores, ${machine.processor}`],
        ['governor', machine.governor],
        ['memory', `${machine.memoryGiB} GiB`],
        ['system', `${machine.system}, Linux ${machine.kernel}`],
        ['load before', machine.loadBefore.join(', ')],
        ['PostgreSQL', `${head.postgresql}; ${head.settings}`],
        ['extension', head.extension],
      ],
    ),
  ].join('\n\n')
}

// Interleaved rounds: A B A B …, so that what else the machine does falls on all sides alike.

import { ratio, spread } from './statistics.mjs'

/**
 * groups: [{ name, variants: [{ name, baseline, weight, meter, run(seconds) }] }]. What is in one group is compared. All
 * groups have their turn in each round, so that a disturbance of some seconds spoils one round of each and not all of one.
 *
 * run(seconds) works for about so long and returns { operations, seconds, cpu, … }: seconds of what is measured (default:
 * of the call), cpu as { process: seconds } (default: what meter says), and further figures of the round, such as p99.
 * A variant that fails is left out of the rounds that follow, and its error is told with the results. On a machine so busy
 * that single operations outlast their turn, there may be fewer rounds; the results tell how many.
 */
export async function interleave(groups, { rounds, seconds, log = () => {} }) {
  const runs = groups.flatMap((group) => group.variants.map((variant) => ({ group, variant, results: [], error: undefined })))
  const weights = runs.reduce((sum, { variant }) => sum + (variant.weight ?? 1), 0)
  // The first round warms caches up and counts for nothing; a third of the others' time is enough for that.
  const warmUp = 1 / 3
  const latest = performance.now() + seconds * 1500
  const unit = seconds / (rounds + warmUp) / weights
  for (let round = 0; round <= rounds; round++) {
    if (round > 3 && performance.now() > latest) {
      log('the time is over')
      break
    }
    log(round === 0 ? 'warming up' : `round ${round} of ${rounds}`)
    for (const run of runs) {
      if (run.error) continue
      try {
        const result = await turn(run.variant, unit * (run.variant.weight ?? 1) * (round === 0 ? warmUp : 1))
        if (round > 0) run.results.push(result)
      } catch (error) {
        run.error = error.message
        log(`${run.group.name}, ${run.variant.name}: ${error.message}`)
      }
    }
  }
  return runs.map((run) => measurement(run, runs.find(({ group, variant }) => group === run.group && variant.baseline)))
}

async function turn(variant, seconds) {
  const stop = variant.meter?.start()
  const began = performance.now()
  const result = await variant.run(seconds)
  return { seconds: (performance.now() - began) / 1000, cpu: stop?.() ?? {}, ...result }
}

const column = (results, of) => results.map(of)
const time = (result) => result.seconds / result.operations
const cpuOf = (name) => (result) => result.cpu[name] / result.operations

/** Seconds for each operation, by the clock and of each process; ratios to the group's baseline. */
function measurement({ group, variant, results, error }, baseline) {
  const told = { group: group.name, variant: variant.name, baseline: variant.baseline ?? false }
  if (error || results.length === 0) return { ...told, error: error ?? 'no round was finished', rounds: results }
  const processes = Object.keys(results[0].cpu)
  const others = Object.keys(results[0]).filter((name) => !['operations', 'seconds', 'cpu'].includes(name) && typeof results[0][name] === 'number')
  const against = baseline && !baseline.error && baseline.variant !== variant ? baseline.results : undefined
  return {
    ...told,
    time: spread(column(results, time)),
    rate: spread(column(results, (result) => 1 / time(result))),
    cpu: Object.fromEntries(processes.map((name) => [name, spread(column(results, cpuOf(name)))])),
    ...Object.fromEntries(others.map((name) => [name, spread(column(results, (result) => result[name]))])),
    ratio: against && {
      time: ratio(column(results, time), column(against, time)),
      cpu: Object.fromEntries(
        processes
          .filter((name) => against.every((result) => result.cpu[name] > 0))
          .map((name) => [name, ratio(column(results, cpuOf(name)), column(against, cpuOf(name)))]),
      ),
    },
    rounds: results,
  }
}

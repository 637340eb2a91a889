// What the figures were measured on.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import os from 'node:os'

const read = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : '')
const found = (text, pattern) => pattern.exec(text)?.[1] ?? 'unknown'

export function describeMachine() {
  return {
    processor: found(read('/proc/cpuinfo'), /^model name\s*: (.*)$/m),
    cores: os.availableParallelism(),
    governor: read('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor').trim() || 'none (a virtual machine decides by itself)',
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: os.release(),
    system: found(read('/etc/os-release'), /^PRETTY_NAME="(.*)"$/m),
    node: process.version,
    // Of the last minute, five and fifteen: a bench on a busy machine says so itself.
    loadBefore: os.loadavg().map((value) => Number(value.toFixed(2))),
  }
}

export function commitOf(folder) {
  try {
    const git = (...words) => execFileSync('git', ['-C', folder, ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') ? ' with changes' : '')
  } catch {
    return 'unknown'
  }
}

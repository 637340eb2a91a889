import { execFileSync, type ExecFileSyncOptions } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readdirSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from './http'

const quiet: ExecFileSyncOptions = { stdio: ['ignore', 'ignore', 'pipe'] }

/**
 * A file system of the test's own that holds the temporary files of the test's cluster, and can be filled to the last
 * byte. One that a killed test leaves is unmounted by ./setup.sh, at the end of the run.
 */
export class Disk {
  private constructor(
    readonly folder: string,
    readonly tablespace: string,
  ) {}

  /** Nothing where this machine lets nobody mount; anything else that goes wrong is thrown. */
  static mount(tablespace: string, megabytes: number, users: string): Disk | undefined {
    if (process.getuid?.() !== 0) return undefined
    const folder = mkdtempSync(join(tmpdir(), 'disk-'))
    const owner = execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }).trim()
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700,uid=${owner}`, 'disk', folder], quiet)
    } catch (error) {
      rmdirSync(folder)
      if (/permission denied|not permitted/i.test(String((error as { stderr: Buffer }).stderr))) return undefined
      throw error
    }
    const disk = new Disk(folder, tablespace)
    try {
      sql(`create tablespace ${tablespace} location :'folder';`, { folder })
      sql(`grant create on tablespace ${tablespace} to ${users}`)
    } catch (error) {
      disk.unmount()
      throw error
    }
    return disk
  }

  /** Until nothing more can be written. */
  fill(): void {
    const file = openSync(this.filler, 'w')
    try {
      for (const block = Buffer.alloc(65_536); ; ) writeSync(file, block)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      closeSync(file)
    }
  }

  free(): void {
    rmSync(this.filler)
  }

  /** The temporary files that are there. */
  files(): string[] {
    return readdirSync(this.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'filler')
      .map(({ name }) => name)
  }

  /** When nobody uses it any more. */
  end(): void {
    try {
      sql(`drop tablespace if exists ${this.tablespace}`)
    } finally {
      this.unmount()
    }
  }

  private get filler(): string {
    return join(this.folder, 'filler')
  }

  private unmount(): void {
    execFileSync('umount', ['--lazy', this.folder], quiet)
    rmdirSync(this.folder)
  }
}

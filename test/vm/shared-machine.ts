import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Machine, makeDisk} from './machine.ts';

let booting: Promise<Machine> | undefined;
let folder: string | undefined;
let consoleBefore = 0;

/** The one machine of this test run: started by the first who needs it, ended after the last test. */
export function sharedMachine(): Promise<Machine> {
  return (booting ??= boot());
}

/** With a disk of its own, an ext4 at `/scratch`: images lie there as they do on other machines. */
async function boot(): Promise<Machine> {
  folder = mkdtempSync(join(tmpdir(), 'tazpod-scratch-'));
  const disk = makeDisk(join(folder, 'disk'), 4 * 1024 ** 3);
  const made = spawnSync('/usr/sbin/mke2fs', ['-q', '-t', 'ext4', disk.path], {encoding: 'utf8'});
  if (made.status !== 0) throw new Error(`mke2fs failed: ${made.stderr}`);
  const machine = await Machine.boot({disks: [{...disk, cache: 'unsafe'}]});
  await machine.check('mkdir /scratch && mount /dev/vda /scratch && rmdir /scratch/lost+found && chmod 1777 /scratch');
  return machine;
}

beforeEach(async function () {
  if (isOurs(this.currentTest)) consoleBefore = (await booting)?.console().length ?? 0;
});

afterEach('show the console of a test that failed', async function () {
  if (!isOurs(this.currentTest) || this.currentTest?.state !== 'failed') return;
  const text = (await booting)?.console().slice(consoleBefore) ?? '';
  process.stdout.write(`--- the console meanwhile ---\n${text}---\n`);
});

after('end the virtual machine', async () => {
  const machine = await booting?.catch(() => undefined);
  await machine?.kill();
  if (folder !== undefined) rmSync(folder, {recursive: true, force: true});
});

function isOurs(test: Mocha.Runnable | undefined): boolean {
  return test?.file?.startsWith(`${import.meta.dirname}/`) === true;
}

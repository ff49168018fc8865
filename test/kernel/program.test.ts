import {expect} from 'chai';
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {readCommandLine} from '../../src/kernel/process-record.ts';
import {descendantsOf, isAlive} from '../../src/kernel/process.ts';
import {findProgram} from '../../src/kernel/program.ts';
import {until} from '../bed/until.ts';

const source = new URL('../../src/kernel/program.ts', import.meta.url).pathname;

/** A process that runs `cryptsetup`, which waits for a key on a standard input that stays open and empty. */
function callCryptsetup(image: string, before = '') {
  const script = `
    import {run} from '${source}';
    ${before}
    await run('cryptsetup', ['luksFormat', '--batch-mode', '--key-file', '-', '${image}'], {stdin: 0});`;
  return spawn(process.execPath, ['--input-type=module', '--eval', script], {stdio: ['pipe', 'ignore', 'inherit']});
}

describe('System programs', () => {
  const path = findProgram('cryptsetup')!;
  let folder: string;
  let image: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-program-'));
    image = join(folder, 'image');
    writeFileSync(image, '');
    truncateSync(image, 32 * 2 ** 20);
  });

  afterEach(() => rmSync(folder, {recursive: true}));

  it('end with the process that called them when that is killed, so that no lock or mount lives on in them', async () => {
    const caller = callCryptsetup(image);
    const program = await until('cryptsetup runs', () =>
      descendantsOf(caller.pid!).find(({pid}) => readCommandLine(pid)?.[0]?.toString() === path),
    );
    caller.kill('SIGKILL');
    await once(caller, 'exit');
    await until('cryptsetup has ended', () => !isAlive(program), {withinMs: 2000});
  });

  it('do not even start for a caller that is gone before they can ask to end with it', async () => {
    // To the program, a caller with another pid than its parent is a caller that has gone.
    const caller = callCryptsetup(image, `Object.defineProperty(process, 'pid', {value: 1});`);
    const outcome = await Promise.race([once(caller, 'exit'), sleep(5000, ['still waits for cryptsetup'])]);
    caller.kill('SIGKILL');
    expect(outcome[0]).to.equal(0);
  });
});

import {expect} from 'chai';
import {spawnSync} from 'node:child_process';

const source = new URL('../../src/foundation/signal-defaults.ts', import.meta.url).href;

/** The signals that a program ignores which Node has started, as the kernel's mask. */
function ignored(script: string): bigint {
  const program = `${script}; const {spawnSync} = await import('node:child_process');
    process.stdout.write(spawnSync('/bin/sh', ['-c', 'exec grep SigIgn /proc/self/status']).stdout);`;
  const {stdout} = spawnSync(process.execPath, ['--input-type=module', '-e', program], {encoding: 'utf8'});
  return BigInt(`0x${/^SigIgn:\s*([0-9a-f]+)/m.exec(stdout)![1]!}`);
}

describe('The signals that Node ignores', () => {
  it('have their usual meaning again for what takes its place', () => {
    const pipeAndSize = (1n << 12n) | (1n << 24n);
    expect(ignored(`import {restoreSignalDefaults} from '${source}'; restoreSignalDefaults()`) & pipeAndSize).to.equal(
      0n,
    );
  });
});

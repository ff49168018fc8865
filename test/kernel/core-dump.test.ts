import {spawnSync} from 'node:child_process';
import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {parseCoreLimit, parseCorePattern, readCoreLimit, readCorePattern} from '../../src/kernel/core-dump.ts';
import {skip} from '../skip.ts';
import {machine, removeTrees} from './kernel-tree.ts';

describe('where core dumps go', () => {
  after(removeTrees);

  it('is known by the mark before the pattern', () => {
    expect(parseCorePattern('core.%p')).to.deep.equal({to: 'file', target: 'core.%p'});
    expect(parseCorePattern('|/lib/systemd/systemd-coredump %P')).to.deep.equal({
      to: 'pipe',
      target: '/lib/systemd/systemd-coredump %P',
    });
    expect(parseCorePattern('@/run/coredump.socket')).to.deep.equal({to: 'socket', target: '/run/coredump.socket'});
    expect(parseCorePattern('@@/run/coredump.socket')).to.deep.equal({to: 'socket', target: '/run/coredump.socket'});
    expect(parseCorePattern('')).to.deep.equal({to: 'nowhere', target: ''});
    expect(readCorePattern(machine({'proc/sys/kernel/core_pattern': 'core\n'}))).to.deep.include({to: 'file'});
    expect(readCorePattern(machine({}))).to.equal(undefined);
  });

  it('is bounded by a limit', () => {
    const limits = `Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max core file size        0                    unlimited            bytes     
Max resident set          unlimited            unlimited            bytes     
`;
    expect(parseCoreLimit(limits)).to.deep.equal({soft: 0, hard: Infinity});
    expect(parseCoreLimit('')).to.equal(undefined);
    expect(readCoreLimit()).to.have.keys('soft', 'hard');
  });
});

describe('a process that keeps itself out of core dumps', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-core-'));
  after(() => rmSync(folder, {recursive: true}));

  /** Runs `script` by a shell that a program started which had called `keepOutOfCoreDumps`. */
  function afterwards(script: string): string {
    const program = `import {spawnSync} from 'node:child_process';
      import {keepOutOfCoreDumps} from '${import.meta.dirname}/../../src/kernel/core-dump.ts';
      if (!(await keepOutOfCoreDumps())) throw new Error('nothing helped');
      process.stdout.write(spawnSync('sh', ['-c', process.argv[1]]).stdout);`;
    const {stdout, stderr, status} = spawnSync(
      'prlimit',
      ['--core=0:unlimited', process.execPath, '--input-type=module-typescript', '--eval', program, script],
      {encoding: 'utf8'},
    );
    expect(status, stderr).to.equal(0);
    return stdout;
  }

  it('hands an empty filter and a limit of one byte down to what it starts, as any user', function () {
    const look = 'cat /proc/self/coredump_filter /proc/self/limits';
    const script = process.getuid!() === 0 ? `exec setpriv --reuid 65534 --clear-groups ${look}` : look;
    if (readCoreLimit()!.hard === 0) skip(this, 'the hard limit of core dumps is zero here');
    const [filter, ...limits] = afterwards(script).split('\n');
    expect(filter).to.match(/^0+$/);
    expect(parseCoreLimit(limits.join('\n'))).to.deep.equal({soft: 1, hard: 1});
  });

  it('writes no memory into a dump, also where a dump is written', function () {
    const {to, target} = readCorePattern() ?? {};
    if (to !== 'file' || target!.includes('/')) skip(this, 'core dumps do not go into the working folder here');
    const crash = (filter: string): Buffer => {
      // The marker comes into being in memory: the arguments of the program are in a note of every dump.
      const script = `echo ${filter} >/proc/self/coredump_filter; cd ${folder}; exec prlimit --core=unlimited sh -c 'HALF=half; MARKER=\${HALF}way; kill -SEGV $$'`;
      spawnSync('sh', ['-c', script]);
      const [core] = readdirSync(folder);
      const dump = readFileSync(join(folder, core!));
      rmSync(join(folder, core!));
      return dump;
    };
    expect(crash('0x33').includes('halfway')).to.equal(true);
    expect(crash('0').includes('halfway')).to.equal(false);
  });
});

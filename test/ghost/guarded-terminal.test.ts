import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {chownSync, openSync, statSync} from 'node:fs';
import {expect} from 'chai';
import type {Caller} from '../../src/ghost/caller.ts';
import {guardTerminal, openTakenTerminal} from '../../src/ghost/guarded-terminal.ts';
import {childrenOf} from '../../src/kernel/process.ts';
import {needsRoot} from '../bed/owner.ts';
import {until} from '../bed/until.ts';

/** A number that is no user's. */
const uid = 3_000_001;
const caller = {uid} as Caller;

describe('The guards of two ghosts on one terminal', () => {
  let holder: ChildProcess;
  let path: string;
  let mode: number;

  before(function () {
    needsRoot(this);
  });

  beforeEach(async () => {
    holder = spawn('script', ['--quiet', '--command', 'tty; exec sleep 100', '/dev/null'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const [line] = (await once(holder.stdout!, 'data')) as [Buffer];
    path = line.toString().trim();
    chownSync(path, uid, 5);
    mode = statSync(path).mode & 0o777;
  });

  afterEach(() => {
    holder.kill('SIGKILL');
  });

  const owner = () => `${statSync(path).uid} ${(statSync(path).mode & 0o777).toString(8)}`;
  /** Whether another process of the user can open the terminal, to read what is typed. */
  const isOpen = () =>
    spawnSync('setpriv', [`--reuid=${uid}`, '--clear-groups', 'sh', '-c', `: <>${path}`]).status === 0;

  it('give it back when the last of them ends, as the first has found it', async () => {
    expect(isOpen(), 'the control: without a guard').to.be.true;
    const first = await guardTerminal(caller, openSync(path, 'r+'));
    const second = await guardTerminal(caller, openTakenTerminal(caller, path)!);
    await first!.release();
    expect(owner()).to.equal('0 600');
    expect(isOpen()).to.be.false;
    await second!.release();
    expect(owner()).to.equal(`${uid} ${mode.toString(8)}`);
    expect(isOpen()).to.be.true;
  });

  it('are replaced when they are killed, and still know whose it was', async () => {
    const first = await guardTerminal(caller, openSync(path, 'r+'));
    const second = await guardTerminal(caller, openTakenTerminal(caller, path)!);
    await first!.release();
    const others = new Set([holder.pid]);
    const [guard] = childrenOf(process.pid).filter(({pid}) => !others.has(pid));
    process.kill(guard!.pid, 'SIGKILL');
    await until('another guard is there', () =>
      childrenOf(process.pid).some(({pid}) => pid !== guard!.pid && !others.has(pid)),
    );
    expect(owner()).to.equal('0 600');
    await second!.release();
    expect(owner()).to.equal(`${uid} ${mode.toString(8)}`);
  });

  it('let nobody else adopt it, and nobody at all when no ghost has it', async () => {
    const stranger = {uid: uid + 1} as Caller;
    const first = await guardTerminal(caller, openSync(path, 'r+'));
    expect(openTakenTerminal(stranger, path)).to.be.undefined;
    await first!.release();
    chownSync(path, 0, 5);
    expect(openTakenTerminal(caller, path)).to.be.undefined;
  });
});

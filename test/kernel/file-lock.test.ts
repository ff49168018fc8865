import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, mkdtempSync, openSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {identifyFile} from '../../src/kernel/file-identity.ts';
import {isLocked, lockHolders, parseLocks, tryLockExclusive} from '../../src/kernel/file-lock.ts';

describe('the lock of a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-lock-'));
  const image = join(folder, 'vault image');
  const descriptors: number[] = [];
  const open = (flags = 'r'): number => descriptors[descriptors.push(openSync(image, flags)) - 1]!;

  before(() => writeFileSync(image, 'content'));
  afterEach(() => {
    for (const fd of descriptors.splice(0)) closeSync(fd);
  });
  after(() => rmSync(folder, {recursive: true}));

  it('is had by one and refused to the next, until the descriptor is closed', async () => {
    const [first, second] = [openSync(image, 'r'), open()];
    expect(await tryLockExclusive(first)).to.equal(true);
    expect(await tryLockExclusive(first)).to.equal(true);
    expect(await tryLockExclusive(second)).to.equal(false);
    closeSync(first);
    expect(await tryLockExclusive(second)).to.equal(true);
  });

  it('is seen from outside by path and by descriptor, and the look does not loosen it', async () => {
    expect(await isLocked(image)).to.equal(false);
    const [holder, other] = [open('r+'), open()];
    await tryLockExclusive(holder);
    expect(await isLocked(image)).to.equal(true);
    expect(await isLocked(other)).to.equal(true);
    expect(await isLocked(holder)).to.equal(true);
    expect(await tryLockExclusive(other)).to.equal(false);
  });

  it('leads to the process that holds it, though a program took it that has ended', async () => {
    const fd = open();
    expect(lockHolders(identifyFile(image))).to.deep.equal([]);
    await tryLockExclusive(fd);
    expect(lockHolders(identifyFile(image))).to.deep.equal([process.pid]);
    writeFileSync(join(folder, 'other'), '');
    expect(lockHolders(identifyFile(join(folder, 'other')))).to.deep.equal([]);
  });

  it('goes with a holder that is killed', async () => {
    const holder = spawn('flock', ['--nonblock', image, 'sh', '-c', 'echo ready; exec cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    expect(await isLocked(image)).to.equal(true);
    // flock(1) and the command that it started share the open file: the lock lives as long as either.
    for (const pid of lockHolders(identifyFile(image))) process.kill(pid, 'SIGKILL');
    await once(holder, 'close');
    expect(await isLocked(image)).to.equal(false);
  });

  it('of a file that is not there is an error, and so is one on a descriptor that is not open', async () => {
    const message = await isLocked(join(folder, 'missing')).catch((error: unknown) => (error as Error).message);
    expect(message).to.match(/ENOENT/);
    const error = await tryLockExclusive(0x7fff).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(Error);
  });
});

describe('the table of locks', () => {
  it('is read with its waiters, in /proc/locks and in fdinfo', () => {
    const table = `1: FLOCK  ADVISORY  WRITE 6176 fe:00:2154871 0 EOF
1: -> FLOCK  ADVISORY  WRITE 6180 fe:00:2154871 0 EOF
2: POSIX  ADVISORY  READ -1 08:103:18446744073709551615 128 128
3: LEASE  ACTIVE    READ 400 <none>:0 EOF
rubbish
`;
    expect(parseLocks(table)).to.deep.equal([
      {type: 'FLOCK', waiting: false, access: 'WRITE', pid: 6176, major: 254, minor: 0, ino: 2154871n},
      {type: 'FLOCK', waiting: true, access: 'WRITE', pid: 6180, major: 254, minor: 0, ino: 2154871n},
      {type: 'POSIX', waiting: false, access: 'READ', pid: -1, major: 8, minor: 259, ino: 18446744073709551615n},
    ]);
    const info =
      'pos:\t0\nflags:\t02100000\nmnt_id:\t27\nino:\t2154871\nlock:\t1: FLOCK  ADVISORY  READ 6180 fe:00:2154871 0 EOF\n';
    expect(parseLocks(info)).to.deep.equal([
      {type: 'FLOCK', waiting: false, access: 'READ', pid: 6180, major: 254, minor: 0, ino: 2154871n},
    ]);
  });
});

import {expect} from 'chai';
import {
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {directory, isTaken, nameless, openBeneath, openStepwise, placeOnly} from '../../src/foundation/open-beneath.ts';

describe('A path that is opened name by name', () => {
  let folder: string;
  let fd: number;

  before(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'tazpod-beneath-')));
    mkdirSync(join(folder, 'a/b'), {recursive: true});
    writeFileSync(join(folder, 'a/b/file'), '');
    symlinkSync('b', join(folder, 'a/link'));
    symlinkSync('nowhere', join(folder, 'a/broken'));
    fd = openSync(folder, directory);
  });

  after(() => {
    closeSync(fd);
    rmSync(folder, {recursive: true});
  });

  /** The inode that it leads to; nothing stays open but that. */
  function inodeOf(open: () => number): number {
    const opened = open();
    try {
      return fstatSync(opened).ino;
    } finally {
      closeSync(opened);
    }
  }

  it('leads to what is there, from a directory and from the top', () => {
    const count = readdirSync('/proc/self/fd').length;
    const {ino} = statSync(join(folder, 'a/b'));
    expect(inodeOf(() => openBeneath(fd, 'a/b', directory))).to.equal(ino);
    expect(inodeOf(() => openStepwise(join(folder, 'a/b'), directory))).to.equal(ino);
    expect(inodeOf(() => openBeneath(fd, '', directory))).to.equal(statSync(folder).ino);
    expect(inodeOf(() => openStepwise('/', directory))).to.equal(statSync('/').ino);
    expect(inodeOf(() => openBeneath(fd, 'a/b/file', placeOnly))).to.equal(statSync(join(folder, 'a/b/file')).ino);
    expect(readdirSync('/proc/self/fd').length).to.equal(count);
  });

  it('leads through no link, and says how far it was', () => {
    const count = readdirSync('/proc/self/fd').length;
    for (const [path, at] of [
      ['a/link/file', 'a/link'],
      ['a/link', 'a/link'],
      ['a/missing/file', 'a/missing'],
    ] as const) {
      const error = caught(() => openBeneath(fd, path, directory));
      expect(error.code).to.match(/ENOTDIR|ELOOP|ENOENT/);
      expect(error.path).to.equal(at);
      expect(caught(() => openStepwise(join(folder, path), directory)).path).to.equal(join(folder, at).slice(1));
    }
    expect(readdirSync('/proc/self/fd').length).to.equal(count);
  });

  it('knows names that are taken, also by links that lead nowhere', () => {
    const inside = openBeneath(fd, 'a', directory);
    expect(['b', 'link', 'broken', 'free'].map((name) => isTaken(inside, name))).to.deep.equal([
      true,
      true,
      true,
      false,
    ]);
    closeSync(inside);
  });

  it('has files without a name, where the file system has them', () => {
    const nobody = openSync('/dev/shm', nameless | 2, 0o600);
    expect(fstatSync(nobody).nlink).to.equal(0);
    closeSync(nobody);
  });
});

function caught(action: () => unknown): NodeJS.ErrnoException {
  try {
    action();
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
  throw new Error('It was opened.');
}

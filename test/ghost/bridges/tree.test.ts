import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {Directory} from '../../../src/ghost/directory.ts';
import {copyTree, differenceOf, emptyTree, measureTree, removeCopied} from '../../../src/ghost/bridges/tree.ts';

describe('A tree that is moved', () => {
  let folder: string;
  let from: Directory;
  let to: Directory;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-tree-'));
    for (const name of ['from', 'to']) mkdirSync(join(folder, name));
    [from, to] = [Directory.open(join(folder, 'from')), Directory.open(join(folder, 'to'))];
  });

  afterEach(() => {
    for (const directory of [from, to]) directory.close();
    rmSync(folder, {recursive: true});
  });

  const file = (path: string, content: string | Buffer) => writeFileSync(join(folder, path), content);

  it('keeps names that are no text, empty files, large ones and odd modes', () => {
    const name = Buffer.from([0xff, 0xfe, 0x20, 0x0a]);
    writeFileSync(from.at(name), 'odd');
    file('from/empty', '');
    file('from/large', Buffer.alloc(3 * 2 ** 20 + 1, 'abc'));
    chmodSync(join(folder, 'from/large'), 0o4755);
    utimesSync(join(folder, 'from/large'), 1, 1_000_000_000.5);
    expect(measureTree(from)).to.deep.equal({entries: 3, bytes: 3 + 3 * 2 ** 20 + 1});
    copyTree(from, to);
    expect(differenceOf(from, to)).to.equal(undefined);
    expect(readFileSync(to.at(name), 'utf8')).to.equal('odd');
    const {mode, mtimeMs} = statSync(join(folder, 'to/large'));
    expect([mode & 0o7777, mtimeMs]).to.deep.equal([0o755, 1_000_000_000_500]);
    removeCopied(from, to);
    expect(readdirSync(join(folder, 'from'))).to.deep.equal([]);
  });

  const changes: Readonly<Record<string, () => void>> = {
    'another byte': () => file('from/d/file', 'contenT'),
    'more bytes': () => file('from/d/file', 'content and more'),
    'one that is new': () => file('from/d/new', ''),
    'another target of a link': () => {
      rmSync(join(folder, 'from/d/link'));
      symlinkSync('elsewhere', join(folder, 'from/d/link'));
    },
    'a file in the place of a link': () => {
      rmSync(join(folder, 'from/d/link'));
      file('from/d/link', 'target');
    },
    'a directory in the place of a file': () => {
      rmSync(join(folder, 'from/d/file'));
      mkdirSync(join(folder, 'from/d/file'));
    },
  };
  for (const [name, change] of Object.entries(changes)) {
    it(`is not taken for its copy with ${name}, and that is not removed`, () => {
      mkdirSync(join(folder, 'from/d'));
      file('from/d/file', 'content');
      symlinkSync('target', join(folder, 'from/d/link'));
      copyTree(from, to);
      change();
      const difference = differenceOf(from, to)!;
      expect(difference).to.match(/^d\//);
      removeCopied(from, to);
      expect(readdirSync(join(folder, 'from/d')), difference).to.deep.equal([difference.slice(2)]);
    });
  }

  it('is not left through a link, neither when it is copied nor when it is removed', () => {
    mkdirSync(join(folder, 'elsewhere'));
    file('elsewhere/mine', 'mine');
    symlinkSync('../elsewhere', join(folder, 'from/link'));
    copyTree(from, to);
    expect(lstatSync(join(folder, 'to/link')).isSymbolicLink()).to.equal(true);
    // A directory that has become a link since: what it leads to is nobody's to remove.
    mkdirSync(join(folder, 'to/swapped'));
    file('to/swapped/mine', 'mine');
    symlinkSync('../elsewhere', join(folder, 'from/swapped'));
    removeCopied(from, to);
    emptyTree(from);
    expect(readdirSync(join(folder, 'elsewhere'))).to.deep.equal(['mine']);
    expect(() => Directory.open(join(folder, 'to/link'))).to.throw(/ENOTDIR|ELOOP/);
  });
});

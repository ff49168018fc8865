import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {projectNode} from '../../scripts/setup.js';
import {dropEqualCopies, keepCopy, readIfThere, replaceFile, targetOf} from '../../src/shell/replace-file.ts';
import {failureOf} from '../failure-of.ts';

describe('A dotfile that is replaced', () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-dotfile-'));
    file = join(folder, '.bashrc');
  });

  afterEach(() => rmSync(folder, {recursive: true}));

  it('keeps its mode and its bytes', () => {
    const bytes = Buffer.from(Array.from({length: 256}, (_, index) => index));
    writeFileSync(file, '');
    chmodSync(file, 0o751);
    replaceFile(file, bytes.toString('latin1'));
    expect(readFileSync(file).equals(bytes)).to.equal(true);
    expect(statSync(file).mode & 0o7777).to.equal(0o751);
    expect(readIfThere(file)).to.equal(bytes.toString('latin1'));
    expect(readdirSync(folder)).to.deep.equal(['.bashrc']);
  });

  it('is found behind links, also where they lead to nothing yet, and not behind a circle', async () => {
    mkdirSync(join(folder, 'repository'));
    symlinkSync('repository/link', file);
    symlinkSync('bashrc', join(folder, 'repository/link'));
    expect(targetOf(file)).to.equal(join(folder, 'repository/bashrc'));
    symlinkSync('circle', join(folder, 'circle'));
    expect((await failureOf(() => targetOf(join(folder, 'circle')))).code).to.equal(78);
  });

  it('is created if it does not exist, with its directory', () => {
    replaceFile(join(folder, 'fish/config.fish'), 'x', 0o644);
    expect(statSync(join(folder, 'fish')).mode & 0o777).to.equal(0o700);
    expect(readIfThere(join(folder, 'fish/config.fish'))).to.equal('x');
    expect(readIfThere(join(folder, 'none'))).to.equal(undefined);
  });

  it('is refused where it is no file', async () => {
    mkdirSync(file);
    expect(await failureOf(() => readIfThere(file))).to.include({code: 78, message: `${file} is not a file.`});
  });

  it('has copies that overwrite none, and those that are the same as it go', () => {
    writeFileSync(file, 'one');
    expect(keepCopy(file)).to.equal(`${file}.before-tazpod`);
    writeFileSync(file, 'two');
    expect(keepCopy(file)).to.equal(`${file}.before-tazpod-1`);
    dropEqualCopies(file, 'two');
    expect(readdirSync(folder).sort()).to.deep.equal(['.bashrc', '.bashrc.before-tazpod']);
  });

  it('killed at any call, is the old one or the new one, whole', () => {
    const script = `import {replaceFile} from ${JSON.stringify(new URL('../../src/shell/replace-file.ts', import.meta.url).href)};
      replaceFile(${JSON.stringify(file)}, 'new'.repeat(1000));`;
    const seen = new Set<string>();
    for (const call of ['fsync', 'rename', 'fchmod', 'pwrite64', 'write']) {
      writeFileSync(file, 'old'.repeat(1000));
      const trace = [`--trace=${call}`, `--inject=${call}:signal=KILL:when=1`];
      spawnSync('strace', ['-f', '-o', '/dev/null', ...trace, projectNode(), '--input-type=module', '-e', script]);
      const content = readFileSync(file, 'utf8');
      expect(['old'.repeat(1000), 'new'.repeat(1000)]).to.include(content);
      seen.add(content);
    }
    expect(seen.has('old'.repeat(1000))).to.equal(true);
  });
});

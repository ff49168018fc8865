import {chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {findRuntimeFolders} from '../../src/vault/runtime-folder.ts';
import {skip} from '../skip.ts';

describe('The directory of temporary files', () => {
  const uid = process.getuid!();
  let top: string;

  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), 'tazpod-runtime-'));
  });

  afterEach(() => rmSync(top, {recursive: true}));

  /** Why a directory that XDG_RUNTIME_DIR names is not used. */
  const refusal = (path: string) => findRuntimeFolders({XDG_RUNTIME_DIR: path}, uid).refused[0]?.why;

  it('is XDG_RUNTIME_DIR, then TMPDIR, then the one of everybody', () => {
    const other = join(top, 'other');
    mkdirSync(other);
    const {usable, refused} = findRuntimeFolders({XDG_RUNTIME_DIR: top, TMPDIR: other}, uid);
    expect(usable.slice(0, 2)).to.deep.equal([top, other]);
    expect(usable).to.include('/tmp');
    expect(refused).to.deep.equal([]);
  });

  it('is the one of everybody where the variables are empty or not there', () => {
    for (const environment of [{}, {XDG_RUNTIME_DIR: '', TMPDIR: ''}]) {
      const {usable, refused} = findRuntimeFolders(environment, uid);
      expect(usable).to.include.members(['/tmp', '/var/tmp']);
      expect(refused).to.deep.equal([]);
    }
  });

  it('is not one that a variable names in vain', () => {
    writeFileSync(join(top, 'file'), '');
    const long = join(top, 'x'.repeat(100));
    mkdirSync(long);
    expect(refusal(join(top, 'nowhere'))).to.equal('it does not exist');
    expect(refusal(join(top, 'file'))).to.equal('it is not a directory');
    expect(refusal('run')).to.equal('it is not an absolute path');
    expect(refusal(long)).to.equal('its path is too long for a socket');
    expect(refusal('/proc/sys')).to.match(/read-only|do not have permission to write/);
  });

  it('is not one in which another user could put something else in the place of the plan', function () {
    chmodSync(top, 0o777);
    expect(refusal(top)).to.equal('other users can change its files');
    chmodSync(top, 0o1777);
    expect(refusal(top)).to.equal(undefined);
    if (uid !== 0) skip(this, 'only root can give a directory to somebody else');
    chownSync(top, 54_321, 54_321);
    expect(refusal(top)).to.equal('it belongs to another user');
  });
});

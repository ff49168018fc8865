import {expect} from 'chai';
import {join} from 'node:path';
import {keySource} from '../../src/cli/key-source.ts';
import {failureOf} from '../failure-of.ts';

describe('The source of a key', () => {
  it('is the terminal by default', () => {
    expect(keySource({}, {})).to.deep.equal({from: 'terminal'});
    expect(keySource({}, {TAZPOD_PASSPHRASE_FILE: ''})).to.deep.equal({from: 'terminal'});
  });

  it('is a flag before it is the environment', () => {
    const environment = {TAZPOD_PASSPHRASE_FILE: '/from/environment'};
    const file = (path: string, form: string) => ({from: 'file', form, path});
    expect(keySource({}, environment)).to.deep.equal(file('/from/environment', 'passphrase'));
    expect(keySource({'passphrase-file': '/flag'}, environment)).to.deep.equal(file('/flag', 'passphrase'));
    expect(keySource({'key-file': '/flag'}, environment)).to.deep.equal(file('/flag', 'key'));
  });

  it('is a path from the working directory', () => {
    expect(keySource({'key-file': 'some/../key'}, {})).to.include({path: join(process.cwd(), 'key')});
  });

  it('is standard input for a dash', () => {
    expect(keySource({'passphrase-file': '-'}, {})).to.deep.equal({from: 'stdin', form: 'passphrase'});
    expect(keySource({'key-file': '-'}, {})).to.deep.equal({from: 'stdin', form: 'key'});
    expect(keySource({}, {TAZPOD_PASSPHRASE_FILE: '-'})).to.deep.equal({from: 'stdin', form: 'passphrase'});
  });

  it('names a descriptor of this process so that another can open it', () => {
    for (const path of ['/dev/fd/63', '/proc/self/fd/63']) {
      expect(keySource({'passphrase-file': path}, {})).to.include({path: `/proc/${process.pid}/fd/63`});
    }
    expect(keySource({'passphrase-file': '/dev/fdx/1'}, {})).to.include({path: '/dev/fdx/1'});
  });

  it('is one only', async () => {
    expect(await failureOf(() => keySource({'passphrase-file': 'a', 'key-file': 'b'}, {}))).to.include({code: 64});
  });
});

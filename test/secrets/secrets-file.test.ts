import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {locateSecretsFile} from '../../src/secrets/secrets-file.ts';

const ours = 'backend: pass\nsecrets:\n  - {name: A, env: A}\n';

describe('The search for secrets.yml', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-locate-'));
    mkdirSync(join(folder, '.tazpod'));
    mkdirSync(join(folder, 'app/below'), {recursive: true});
  });

  afterEach(() => rmSync(folder, {recursive: true}));

  const found = (from: string) => locateSecretsFile(undefined, join(folder, from))?.slice(folder.length + 1);
  const write = (path: string, text: string) => writeFileSync(join(folder, path), text);

  it('takes the nearest one, from the working folder upwards', () => {
    write('.tazpod/secrets.yml', ours);
    expect(found('app/below')).to.equal('.tazpod/secrets.yml');
    write('app/secrets.yml', ours);
    expect(found('app/below')).to.equal('app/secrets.yml');
  });

  for (const [program, text] of [
    [
      'Rails',
      '# made by rails\ndevelopment:\n  secret_key_base: x\n\nproduction:\n  secret_key_base: <%= ENV["X"] %>\n',
    ],
    ['summon', 'AWS_KEY: !var aws/key\nDB: !var db\n'],
  ] as const) {
    it(`passes by a secrets.yml of ${program}, beside one of TazPod's and below it`, () => {
      write('secrets.yml', text);
      write('app/secrets.yml', text);
      write('.tazpod/secrets.yml', ours);
      expect(found('')).to.equal('.tazpod/secrets.yml');
      expect(found('app')).to.equal('.tazpod/secrets.yml');
      rmSync(join(folder, '.tazpod/secrets.yml'));
      expect(found('app')).to.equal('app/secrets.yml');
    });
  }

  it('does not pass by one of TazPod that has a mistake in it', () => {
    write('.tazpod/secrets.yml', ours);
    for (const text of ['secrets:\n  - {nam: A}\nsurplus: 1\n', '{secrets: [}', '']) {
      write('secrets.yml', text);
      expect(found(''), text).to.equal('secrets.yml');
    }
  });
});

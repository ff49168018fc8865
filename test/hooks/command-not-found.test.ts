import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {projectNode, root} from '../../scripts/setup.js';

describe('A mistyped command line', () => {
  let home: string;

  before(() => {
    home = mkdtempSync(join(tmpdir(), 'tazpod-test-typed-'));
  });

  after(() => rmSync(home, {recursive: true}));

  function tazpod(...args: string[]): {status: number | null; stdout: string; stderr: string} {
    const env = {PATH: process.env['PATH'], HOME: home};
    return spawnSync(projectNode(), [join(root, 'bin/run.js'), ...args], {cwd: home, encoding: 'utf8', env});
  }

  /** What was typed, and the command that is proposed. */
  const slips: readonly (readonly [readonly string[], string])[] = [
    [['unlok'], 'tazpod unlock'],
    [['unlok', '--size', '1G'], 'tazpod unlock --size 1G'],
    [['vault', 'stauts'], 'tazpod vault status'],
    [['stauts', '-i', 'a b'], "tazpod status -i 'a b'"],
    [['open'], 'tazpod unlock'],
    [['open', '--image', '/a/vault.img'], 'tazpod unlock --image /a/vault.img'],
    [['vault', 'open'], 'tazpod unlock'],
    [['close'], 'tazpod lock'],
    [['ls'], 'tazpod vault list'],
    [['vault', 'ls'], 'tazpod vault list'],
    [['run', 'kubectl', 'get', 'pods'], 'tazpod exec -- kubectl get pods'],
    [['rekey', '--image', '/a/vault.img'], 'tazpod passwd --image /a/vault.img'],
    [['vault', 'password'], 'tazpod passwd'],
    [['keys'], 'tazpod vault key list'],
    [['vault', 'delete', '--image', '/a b/vault.img'], "rm -i '/a b/vault.img'"],
    [['rm'], 'rm -i IMAGE'],
    [['autocomplete'], 'tazpod shell install'],
    [['plugins', 'ls'], 'tazpod plugins'],
    [['status', 'now'], 'tazpod status'],
    [['--image', '/a/vault.img'], 'tazpod unlock --image /a/vault.img'],
    [['help', 'unlok'], 'tazpod unlock'],
    [['unlok', '--help'], 'tazpod unlock'],
    [['unlock', '--imgae', '/a/vault.img'], 'tazpod vault unlock --image /a/vault.img'],
    [['unlock', '--imgae=/a b'], "tazpod vault unlock '--image=/a b'"],
    [['exec', '--onyl', 'A', '--', 'env'], 'tazpod vault exec --only A -- env'],
    [['unlock', '--frobnicate'], 'tazpod help vault unlock'],
    [['unlock', '--engine', 'luks'], 'tazpod help vault unlock'],
    [['status', '-x'], 'tazpod help vault status'],
  ];
  for (const [typed, next] of slips) {
    it(`"tazpod ${typed.join(' ')}" leads to "${next}"`, () => {
      const {status, stderr} = tazpod(...typed);
      expect(status, stderr).to.equal(64);
      expect(stderr).to.match(/^error: /);
      expect(/^ {2}Next: (.*)$/m.exec(stderr)?.[1]).to.equal(next);
    });
  }

  it('is answered as JSON too', () => {
    const {stdout} = tazpod('open', '--image', '/a/vault.img', '--json');
    expect(JSON.parse(stdout)).to.deep.equal({
      status: 64,
      error: {
        what: 'There is no command "open".',
        why: 'Did you mean "unlock"?',
        next: 'tazpod unlock --image /a/vault.img --json',
      },
      warnings: [],
    });
  });

  it('gets the help for -h, and the version for -v and "version"', () => {
    for (const words of [['-h'], ['--help'], ['help'], []]) {
      expect(tazpod(...words).stdout, words.join(' ')).to.match(/^TazPod keeps secrets [^]*^DAILY USE$/m);
    }
    expect(tazpod('unlock', '-h').stdout).to.match(/^USAGE\n {2}\$ tazpod unlock /m);
    for (const word of ['-v', '--version', 'version']) expect(tazpod(word).stdout).to.match(/^tazpod\/\d+\.\d+/);
  });

  it('keeps the image in the next command of every error', () => {
    for (const command of ['lock', 'exec', 'unlock']) {
      const words = command === 'exec' ? ['--', 'true'] : [];
      const {status, stderr} = tazpod(command, '--image', './not there.img', ...words);
      expect(status, stderr).to.equal(66);
      expect(stderr).to.match(/^ {2}Next: tazpod vault create --image '\.\/not there\.img'$/m);
    }
    expect(tazpod('status', '-i', './x.img').stdout).to.include('tazpod vault create --image ./x.img\n');
  });
});

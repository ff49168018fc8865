import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import fc from 'fast-check';
import {sudoersFile} from '../../src/doctor/sudoers.ts';
import {findProgram} from '../../src/kernel/program.ts';
import {skip} from '../skip.ts';

const request = {
  userName: 'ada',
  uid: 1000,
  entry: '/usr/local/lib/node_modules/@acme/tazpod/bin/tazpod-ghost',
  securePath: ['/usr/local/bin', '/usr/bin'],
};

describe('the sudoers file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-sudoers-'));
  const file = join(folder, 'tazpod');
  before(function () {
    if (findProgram('sudo') === undefined) skip(this, 'sudo is not installed');
  });
  after(() => rmSync(folder, {recursive: true}));

  it('lets one user run one program, with a clean environment and no recording', () => {
    const rules = sudoersFile(request)!
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('# '));
    expect(rules).to.deep.equal([
      `Defaults!${request.entry} env_reset, env_keep = "TERM", !env_check, !setenv, secure_path = "/usr/local/bin:/usr/bin"`,
      `Defaults!${request.entry} closefrom = 3, !requiretty, !use_pty, !log_input, !log_output`,
      `ada ALL = (root) NOPASSWD: NOSETENV: ${request.entry}`,
    ]);
  });

  it('is accepted by visudo, also for a user whose name sudoers would misread', () => {
    for (const userName of ['ada', 'ALL', 'Ada Lovelace', 'DOMAIN\\ada', '%sudo', '1000', 'ada,root', '']) {
      writeFileSync(file, sudoersFile({...request, userName})!);
      const {status, stdout, stderr} = spawnSync('/usr/sbin/visudo', ['-c', '-f', file], {encoding: 'utf8'});
      expect(status, `${userName}: ${stdout}${stderr}`).to.equal(0);
    }
  });

  it('has only settings that sudo-rs knows, too, in the words that both have in common', () => {
    const rule = sudoersFile({...request, dialect: 'common'})!;
    expect(rule.split('\n').filter((line) => line !== '' && !line.startsWith('# '))).to.deep.equal([
      `Defaults!${request.entry} env_keep = "TERM", secure_path = "/usr/local/bin:/usr/bin", !use_pty`,
      `ada ALL = (root) NOPASSWD: NOSETENV: ${request.entry}`,
    ]);
    writeFileSync(file, rule);
    expect(spawnSync('/usr/sbin/visudo', ['-c', '-f', file]).status).to.equal(0);
  });

  it('means exactly this user and this program to sudo itself', () => {
    writeFileSync(file, sudoersFile(request)!);
    const {stdout} = spawnSync('cvtsudoers', ['-f', 'json', file], {encoding: 'utf8'});
    const {User_Specs: specs} = JSON.parse(stdout) as {User_Specs: unknown};
    expect(specs).to.deep.equal([
      {
        User_List: [{username: 'ada'}],
        Host_List: [{hostname: 'ALL'}],
        Cmnd_Specs: [
          {
            runasusers: [{username: 'root'}],
            Options: [{authenticate: false}, {setenv: false}],
            Commands: [{command: request.entry}],
          },
        ],
      },
    ]);
    writeFileSync(file, sudoersFile({...request, userName: 'ALL'})!);
    expect(spawnSync('cvtsudoers', ['-f', 'json', file], {encoding: 'utf8'}).stdout).to.include('"userid": 1000');
  });

  it('is not written for a path that means more to sudoers than a path', () => {
    for (const path of [
      '/a b/g',
      '/a*/g',
      '/a,/g',
      '/a\n/g',
      '/a\\g',
      '/a:/g',
      '/a=b',
      '/a!b',
      '/ä/g',
      'a/g',
      '/a//g',
      '/a/',
    ]) {
      expect(sudoersFile({...request, entry: path}), path).to.equal(undefined);
    }
  });

  it('never has a line that a name or path put there', () => {
    fc.assert(
      fc.property(fc.string({unit: 'binary'}), fc.string({unit: 'binary'}), (userName, path) => {
        const content = sudoersFile({...request, userName, entry: `/opt/${path}`});
        if (content === undefined) return;
        expect(content.split('\n')).to.have.length(6);
        expect(content).to.match(/^[\x20-\x7e\n]*$/);
      }),
      {numRuns: 1000},
    );
  });
});

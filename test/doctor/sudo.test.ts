import {expect} from 'chai';
import {examineSudo, needsNoPassword} from '../../src/doctor/sudo.ts';
import {removeTrees} from '../kernel/kernel-tree.ts';
import {patient, type Answer, type Illness} from './patient.ts';

const entry = '/usr/local/lib/node_modules/tazpod/bin/tazpod-ghost';

/** Recorded with sudo 1.9.13 as `sudo --non-interactive --list`. */
const listing = (...rules: string[]): string => `Matching Defaults entries for ada on vm:
    env_reset, mail_badpass, secure_path=/usr/local/sbin\\:/usr/local/bin\\:/usr/sbin\\:/usr/bin\\:/sbin\\:/bin, use_pty

Runas and Command-specific defaults for ada:
    Defaults!/usr/bin/true !authenticate, closefrom=3

User ada may run the following commands on vm:
${rules.map((rule) => `    ${rule}\n`).join('')}`;

describe('the rules that sudo lists', () => {
  const free = (...rules: string[]): boolean => needsNoPassword(listing(...rules), entry);

  it('ask for a password unless they say that they do not', () => {
    expect(free('(ALL : ALL) ALL')).to.equal(false);
    expect(free('(ALL : ALL) NOPASSWD: ALL')).to.equal(true);
    expect(free(`(root) NOSETENV: NOPASSWD: ${entry}`)).to.equal(true);
    expect(free(`(root) NOPASSWD: NOSETENV: ${entry} /*`)).to.equal(true);
    expect(free()).to.equal(false);
  });

  it('decide by the last that fits', () => {
    expect(free('(ALL : ALL) ALL', `(root) NOPASSWD: ${entry}`)).to.equal(true);
    expect(free(`(root) NOPASSWD: ${entry}`, '(ALL : ALL) ALL')).to.equal(false);
    expect(free('(ALL : ALL) ALL', '(root) NOPASSWD: /usr/bin/true')).to.equal(false);
    expect(free('(ALL) NOPASSWD: ALL', `(root) PASSWD: ${entry}`)).to.equal(false);
  });

  it('hand a tag on to the commands behind it and to no other rule', () => {
    expect(free(`(root) NOPASSWD: /usr/bin/true, ${entry}`)).to.equal(true);
    expect(free(`(root) NOPASSWD: /usr/bin/true, PASSWD: ${entry}`)).to.equal(false);
    expect(free(`(root) /usr/bin/true, NOPASSWD: /usr/bin/false, ${entry}`)).to.equal(true);
    expect(free('(root) NOPASSWD: /usr/bin/true', `(root) ${entry}`)).to.equal(false);
  });

  it('do not count for another user or another program', () => {
    expect(free('(postgres) NOPASSWD: ALL')).to.equal(false);
    expect(free(`(root) NOPASSWD: ${entry}.old`)).to.equal(false);
    expect(free(`(rooted) NOPASSWD: ${entry}`)).to.equal(false);
  });

  it('are read with their escapes', () => {
    const odd = '/opt/a b,c/tazpod-ghost';
    expect(needsNoPassword(listing('(root) NOPASSWD: /opt/a\\ b\\,c/tazpod-ghost'), odd)).to.equal(true);
  });

  it('ask nobody where authentication is switched off for the user', () => {
    const off = listing('(ALL : ALL) ALL').replace('use_pty', 'use_pty, !authenticate');
    expect(needsNoPassword(off, entry)).to.equal(true);
    expect(needsNoPassword(off.replace(') ALL', ') PASSWD: ALL'), entry)).to.equal(false);
  });
});

describe('the doctor on sudo', () => {
  after(removeTrees);

  const question = `sudo --non-interactive --reset-timestamp --list -- ${entry}`;
  const rules = 'sudo --non-interactive --reset-timestamp --list';
  const groups = 'id --groups --name';
  const examine = async (answers: Record<string, Answer>, illness: Illness = {}) => {
    const {answer, administrator, finding} = await examineSudo(patient({...illness, answers}));
    return [answer, administrator, finding.verdict];
  };

  it('says with or without a password, even if one was typed a minute ago', async () => {
    const yes = {[question]: {stdout: `${entry}\n`}};
    const withPassword = {stdout: listing('(ALL : ALL) ALL', '(root) NOPASSWD: /usr/bin/true')};
    expect(await examine({...yes, [rules]: withPassword})).to.deep.equal(['password', false, 'ok']);
    const without = {stdout: listing(`(root) NOPASSWD: ${entry}`)};
    expect(await examine({...yes, [rules]: without})).to.deep.equal(['no password', false, 'ok']);
  });

  it('cannot tell where sudo wants a password first, and looks at the groups then', async () => {
    // The words of sudo-rs; what counts is that it does not list its rules either.
    const wanted = {code: 1, stderr: 'sudo-rs: interactive authentication is required\n'};
    const silent = {[question]: wanted, [rules]: wanted};
    expect(await examine({...silent, [groups]: {stdout: 'ada sudo users\n'}})).to.deep.equal(['unknown', true, 'ok']);
    expect(await examine({...silent, [groups]: {stdout: 'ada sudoku\n'}})).to.deep.equal(['unknown', false, 'warning']);
  });

  it('knows a refusal, a sudo that is not there, and a process that nothing makes root', async () => {
    expect(await examine({[question]: {code: 1}})).to.deep.equal(['refused', false, 'warning']);
    expect(await examine({}, {without: ['sudo']})).to.deep.equal(['absent', false, 'warning']);
    const status = 'Pid:\t5\nPPid:\t1\nUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\nNoNewPrivs:\t1\n';
    expect(await examine({}, {files: {'proc/self/status': status}})).to.deep.equal(['blocked', false, 'warning']);
  });

  it('asks nothing as root', async () => {
    const context = patient({uid: 0});
    expect((await examineSudo(context)).answer).to.equal('root already');
    expect(context.asked).to.deep.equal([]);
  });
});

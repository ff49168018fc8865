import {spawnSync} from 'node:child_process';
import {randomBytes, randomInt} from 'node:crypto';
import {chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {readProcessStatus} from '../../src/kernel/process-record.ts';
import {allPids} from '../../src/kernel/process.ts';
import {chownTo, writeAs} from './ownership.ts';
import {atTheEnd, madeByThisRun, makerHasEnded} from './made-by.ts';

/** A user of this machine that the test run has made. */
export type BedUser = {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** `/home/NAME`, 0700. */
  readonly home: string;
  /** The user's XDG_RUNTIME_DIR, in the home, 0700. */
  readonly runtimeFolder: string;
};

const prefix = 'tazpod-test-';

/** Where every user of a machine may put files. */
export const temporaryFolders = ['/tmp', '/var/tmp', '/dev/shm'];

/** What the shells of the user say when they wait: see `terminal.ts`. */
const bashrc = `unset HISTFILE
if [ "$TAZPOD_GHOST_MODE" = true ]; then PS1='ghost> ' TAZPOD_PROMPT_MARK=; else PS1='outside> '; fi
`;

let sweptUp = false;

/** Makes a user. It is removed at the end of the run, with its home and its processes. */
export function makeUser(options: {readonly groups?: readonly string[]; readonly shell?: string} = {}): BedUser {
  if (!sweptUp) for (const name of abandonedUsers()) removeUser(name);
  sweptUp = true;
  const name = `${prefix}${randomBytes(4).toString('hex')}`;
  const {groups = [], shell = '/bin/bash'} = options;
  const home = `/home/${name}`;
  changeAccounts('useradd', [
    // Far from where others number theirs: what they have left of a user with the same number is not ours.
    ...[
      '--uid',
      String(freeUid()),
      '--create-home',
      '--home-dir',
      home,
      '--shell',
      shell,
      '--comment',
      madeByThisRun,
      '--user-group',
    ],
    ...(groups.length === 0 ? [] : ['--groups', groups.join(',')]),
    name,
  ]);
  atTheEnd(() => removeUser(name));
  const [, , uid, gid] = accounts().find(([account]) => account === name)!;
  const user = {name, uid: Number(uid), gid: Number(gid), home, runtimeFolder: `${home}/.run`};
  chmodSync(home, 0o700);
  mkdirSync(user.runtimeFolder, {mode: 0o700});
  chownTo(user, user.runtimeFolder);
  writeAs(user, `${home}/.bashrc`, bashrc);
  return user;
}

/** Gives a user a password, for sudo to ask for, and returns it. */
export function givePassword({name}: BedUser): string {
  const password = randomBytes(12).toString('hex');
  const {status, stderr} = spawnSync('chpasswd', {input: `${name}:${password}\n`, encoding: 'utf8'});
  if (status !== 0) throw new Error(`chpasswd failed: ${stderr}`);
  return password;
}

/** Ends every process of a user. Ids of users are not shared, so nobody else's can be hit. */
export function endProcessesOf(uid: number): void {
  for (const pid of allPids().filter((each) => readProcessStatus(each)?.uid.real === uid)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}

function removeUser(name: string): void {
  const uid = accounts().find(([account]) => account === name)?.[2];
  if (uid === undefined) return;
  endProcessesOf(Number(uid));
  removeTemporaryFilesOf(Number(uid));
  changeAccounts('userdel', ['--remove', '--force', name]);
}

function removeTemporaryFilesOf(uid: number): void {
  for (const folder of temporaryFolders) {
    for (const path of readdirSync(folder).map((name) => join(folder, name))) {
      if (statSync(path, {throwIfNoEntry: false})?.uid === uid) rmSync(path, {recursive: true, force: true});
    }
  }
}

function abandonedUsers(): string[] {
  return accounts()
    .filter(([name, , , , comment]) => name!.startsWith(prefix) && makerHasEnded(comment ?? ''))
    .map(([name]) => name!);
}

/** The fields of /etc/passwd, see passwd(5). */
function accounts(): string[][] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
}

function freeUid(): number {
  const taken = new Set(accounts().map(([, , uid]) => Number(uid)));
  for (;;) {
    const uid = randomInt(20_000, 59_000);
    if (!taken.has(uid)) return uid;
  }
}

/** useradd and userdel give up at once when another of them is at work, so they queue here. */
function changeAccounts(program: 'useradd' | 'userdel', args: readonly string[]): void {
  const {status, stderr} = spawnSync('flock', ['/run/tazpod-test-accounts', program, ...args], {encoding: 'utf8'});
  // userdel says 12 when it could not remove the home, which was gone already.
  if (status !== 0 && status !== 12) throw new Error(`${program} failed: ${stderr}`);
}

import {randomBytes} from 'node:crypto';
import {spawn} from 'node:child_process';
import {chmodSync, mkdirSync} from 'node:fs';
import {join} from 'node:path';
import {readCommandLine, readProcessStatus} from '../../src/kernel/process-record.ts';
import {allPids} from '../../src/kernel/process.ts';
import {install} from '../bed/install.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {makeOwner} from '../bed/owner.ts';
import {asUser, startAs} from '../bed/run.ts';
import {openSession, type TestSession} from '../bed/session.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault} from '../bed/vault.ts';
import {Intruder, layPrograms} from './intruder.ts';

/** A process that has a secret, and where it says that the secret is: see `resident.pl`. */
export type Resident = {
  /** Seen from outside. */
  readonly pid: number;
  readonly name: string;
  readonly secret: string;
  /** The directory that it works in: the vault, or what stands for one. */
  readonly vault: string;
  /** Numbers and paths by `resident.pl`'s names. */
  readonly at: Readonly<Record<string, string>>;
};

/** One user, a resident somewhere, and a process of the same user outside. */
export type World = {
  readonly user: BedUser;
  readonly intruder: Intruder;
  readonly resident: Resident;
  close(): Promise<void>;
};

/** The product: a sealed session. */
export type SealedWorld = World & {readonly session: TestSession};

/** A user who may open vaults, logged in: the intruder and the CLI share what processes of one login share. */
export function logIn(): {user: BedUser; keyring: string; intruder: Intruder; path: string} {
  const user = makeOwner();
  const keyring = `login-${randomBytes(4).toString('hex')}`;
  const intruder = Intruder.start(user, keyring);
  const bin = join(user.home, 'bin');
  mkdirSync(bin);
  chownTo(user, bin);
  const tazpod = join(install().path, 'tazpod');
  const wrapper = writeAs(
    user,
    join(bin, 'tazpod'),
    `#!/bin/sh\nexec perl ~/in-keyring.pl ${keyring} ${tazpod} "$@"\n`,
  );
  chmodSync(wrapper, 0o755);
  return {user, keyring, intruder, path: `${bin}:${install().path}:/usr/local/bin:/usr/bin:/bin`};
}

/** A sealed session with a resident in it. */
export async function openSealedWorld(): Promise<SealedWorld> {
  const {user, intruder, path} = logIn();
  const vault = await makeVault(user);
  const session = await openSession(vault, [], {env: {PATH: path}, timeoutMs: 600_000});
  const {name, secret} = newSecret();
  const command = `perl ~/resident.pl ${name} ${vault.mountPoint}`;
  // Read from a here-document: a secret in an argument could be read by everyone.
  await session.ask(`read -r SECRET <<'END'\n${secret}\nEND\nexport SECRET; ${command} > /dev/shm/said & unset SECRET`);
  const {output} = await session.ask('until grep -q ^resident /dev/shm/said; do sleep 0.02; done; cat /dev/shm/said');
  const resident = {pid: await pidOf(user, name), name, secret, vault: vault.mountPoint, at: fieldsOf(output)};
  return {
    user,
    intruder,
    session,
    resident,
    close: async () => {
      intruder.leave();
      await session.leave();
    },
  };
}

/**
 * The control: what the product would be without its seal. The resident lives in a mount namespace of its own that root
 * made, as a plain process of the user's.
 */
export async function openPlainWorld(): Promise<World> {
  const {user, keyring, intruder} = logIn();
  const vault = makeFolder(user);
  const {name, secret} = newSecret();
  const mount = `mount -t tmpfs -o mode=700,uid=${user.uid},gid=${user.gid} control ${vault}`;
  const become = `exec setpriv ${asUser(user).join(' ')} perl ${user.home}/in-keyring.pl ${keyring} perl`;
  const script = `${mount} && ${become} ${user.home}/resident.pl ${name} ${vault}`;
  const child = spawn('unshare', ['--mount', '--propagation', 'private', '--', 'sh', '-c', script], {
    env: {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', SECRET: secret},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  const output = await until('the control has said where its secret is', () => /^resident .*\n/m.exec(said)?.[0]);
  return {
    user,
    intruder,
    resident: {pid: child.pid!, name, secret, vault, at: fieldsOf(output)},
    close: async () => {
      intruder.leave();
      child.kill('SIGKILL');
    },
  };
}

/** The control for what enters namespaces: a session in a user namespace of the user's own, as without root. */
export async function openOwnWorld(): Promise<World> {
  const {user, intruder} = logIn();
  const vault = makeFolder(user);
  const {name, secret} = newSecret();
  const script = `mount -t tmpfs control ${vault} && exec perl ${user.home}/resident.pl ${name} ${vault}`;
  const namespaces = ['--user', '--map-root-user', '--mount', '--propagation=private', '--ipc', '--pid', '--fork'];
  const process = startAs(user, ['unshare', ...namespaces, '--kill-child', 'sh', '-c', script], {
    env: {SECRET: secret},
    timeoutMs: 600_000,
  });
  const [output] = await process.seen(/^resident .*\n/m);
  return {
    user,
    intruder,
    resident: {pid: await pidOf(user, name), name, secret, vault, at: fieldsOf(output)},
    close: async () => {
      intruder.leave();
      process.child.kill('SIGKILL');
      await process.ended;
    },
  };
}

function makeFolder(user: BedUser): string {
  const vault = join(user.home, 'secrets');
  mkdirSync(vault, {mode: 0o700});
  chownTo(user, vault);
  layPrograms(user);
  return vault;
}

function newSecret(): {name: string; secret: string} {
  return {name: `resident-${randomBytes(4).toString('hex')}`, secret: randomBytes(16).toString('hex')};
}

function fieldsOf(line: string): Record<string, string> {
  return Object.fromEntries([...line.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name!, value!]));
}

/** The process that goes by this name, as it is seen from outside. */
function pidOf(user: BedUser, name: string): Promise<number> {
  return until(`the process ${name} is there`, () =>
    allPids().find(
      (pid) => readCommandLine(pid)?.[2]?.toString() === name && readProcessStatus(pid)?.uid.real === user.uid,
    ),
  );
}

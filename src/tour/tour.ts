import {randomBytes} from 'node:crypto';
import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {findOwnHome} from '../config/own-home.ts';
import {identifyFile} from '../kernel/file-identity.ts';
import {isLocked} from '../kernel/file-lock.ts';
import {loopDevicesOf} from '../kernel/loop.ts';
import {mountsAt, readMounts} from '../kernel/mountinfo.ts';
import {exitCode} from '../foundation/exit-code.ts';
import type {Failure} from '../foundation/failure.ts';
import {createPlan} from '../vault/create.ts';
import {openVault} from '../vault/open-vault.ts';
import type {Presentation} from '../vault/presentation.ts';
import {readVaultState, type SessionState} from '../vault/state.ts';
import {tourNotFinished} from './failures.ts';
import {lookFromOutside, type Look} from './outside.ts';

/** The `result` of `tour --json`: what was seen, from the three places. */
export type TourResult = {
  readonly engine: string;
  readonly isolation: string;
  /** In the ghost: the command, and its output. */
  readonly inside: readonly Look[];
  /** At the same moment, by a second process of the same user. */
  readonly outside: readonly Look[];
  /** After the end. */
  readonly after: readonly Look[];
};

/** A vault for a minute: small, and with a passphrase too random to need a slow key derivation. */
const tourVault = {size: '64M', pbkdf: 'argon2id', 'pbkdf-memory': 32 * 1024, 'pbkdf-force-iterations': 4} as const;
const folderPrefix = '.tazpod-tour-';

/** Runs the session: writes a secret into the vault, looks around, and waits until the outside has looked too. */
const insideScript = `
cd "$1" && umask 077
echo "token-of-the-tour" >token && mkdir -p kube && echo "apiVersion: v1" >kube/config
{ echo "$ ls $1"; ls "$1"; echo "$ cat $1/token"; cat "$1/token"; } >"$2/inside"
: >"$2/ready"
while [ -e "$2/ready" ]; do sleep 0.05; done
`;

/**
 * Makes a vault, opens it, looks at it from inside and from outside, closes it, and looks at what is left. All of it
 * lies in one folder, which is removed at the end; a tour that was killed is cleaned up by the next one.
 */
export async function takeTour(presentation: Presentation, show: (chapter: Chapter) => void): Promise<TourResult> {
  const {home} = findOwnHome();
  removeAbandonedTours(home);
  const folder = mkdtempSync(join(home, folderPrefix));
  const image = join(folder, 'vault.img');
  const mountPoint = join(folder, 'secrets');
  const passphraseFile = join(folder, 'passphrase');
  try {
    writeFileSync(join(folder, 'pid'), String(process.pid));
    writeFileSync(passphraseFile, `${randomBytes(32).toString('base64url')}\n`, {mode: 0o600});
    show({title: 'A vault, created and opened', looks: []});
    const over = new AbortController();
    const seen = observe(folder, image, mountPoint, show, over.signal);
    // Its errors are reported below, after the session has ended.
    seen.catch(() => {});
    const end = await openVault(
      {
        image,
        mountPoint,
        key: {from: 'file', form: 'passphrase', path: passphraseFile},
        create: createPlan(tourVault),
        command: ['/bin/sh', '-c', insideScript, 'tour', mountPoint, folder],
        unattended: true,
      },
      presentation,
    ).finally(() => over.abort());
    const views = await seen;
    if (views === undefined || end.code !== 0) throw endedEarly(end.code);
    const {session, inside, outside} = views;
    const after = await lookAfterwards(image, mountPoint, session);
    show({title: 'After the end', looks: after});
    return {engine: session.engine, isolation: session.isolation, inside, outside, after};
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

/** A heading and what was seen under it. */
export type Chapter = {readonly title: string; readonly looks: readonly Look[]};

type Seen = {readonly session: SessionState; readonly inside: readonly Look[]; readonly outside: readonly Look[]};

/**
 * Waits for the session, takes the two views of the same moment, and lets the session end. Undefined when there was no
 * session up to the end.
 */
async function observe(
  folder: string,
  image: string,
  mountPoint: string,
  show: (chapter: Chapter) => void,
  over: AbortSignal,
): Promise<Seen | undefined> {
  const ready = join(folder, 'ready');
  for (; !existsSync(ready); await sleep(20)) if (over.aborted) return undefined;
  try {
    const {session} = await readVaultState(image);
    if (session === undefined) return undefined;
    const inside = parseLooks(readFileSync(join(folder, 'inside'), 'utf8'));
    show({title: 'Inside the ghost', looks: inside});
    const outside = await lookFromOutside(session, mountPoint);
    show({title: outsideTitle(), looks: outside});
    return {session, inside, outside};
  } finally {
    rmSync(ready, {force: true});
  }
}

/** A ghost that could not even begin has said why by itself, and its exit code says what kind of thing it was. */
function endedEarly(code: number): Failure {
  const known = Object.values(exitCode).find((each) => each === code);
  return tourNotFinished(known);
}

function outsideTitle(): string {
  return process.getuid!() === 0
    ? 'Outside, at the same moment (you are root, who sees everything: /proc is read as nobody)'
    : 'Outside, at the same moment, as the same user';
}

/** `$ command` lines with the output below each. */
function parseLooks(transcript: string): Look[] {
  return transcript
    .split(/^\$ /m)
    .filter((part) => part !== '')
    .map((part) => {
      const [command, ...output] = part.trimEnd().split('\n');
      return {command: command!, output: output.join('  ')};
    });
}

async function lookAfterwards(image: string, mountPoint: string, session: SessionState): Promise<Look[]> {
  const alive = session.pids.filter((pid) => existsSync(`/proc/${pid}`));
  const loops = await loopDevicesOf(identifyFile(image));
  return [
    {command: `ls ${mountPoint}`, output: readdirSync(mountPoint).join('  ') || '(empty)'},
    {command: 'mounts of the vault', output: String(mountsAt(readMounts('self'), mountPoint).length)},
    {command: 'processes of the ghost', output: String(alive.length)},
    {command: 'loop devices on the image', output: String(loops.length)},
    {command: 'a process holds the image', output: (await isLocked(image)) ? 'yes' : 'no'},
  ];
}

function removeAbandonedTours(home: string): void {
  for (const name of readdirSync(home).filter((each) => each.startsWith(folderPrefix))) {
    const pid = existsSync(join(home, name, 'pid')) ? readFileSync(join(home, name, 'pid'), 'utf8') : '';
    if (pid !== '' && !existsSync(`/proc/${pid}`)) rmSync(join(home, name), {recursive: true, force: true});
  }
}

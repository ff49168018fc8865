// Run as a process of its own: looks for secrets wherever they could leak to, again and again, until its standard
// input ends. They are given in hexadecimal, with commas between them. Then it prints what it has found, and how often it has looked, as one line of JSON.
import {readdirSync, readFileSync, readlinkSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';

export type Watched = {
  readonly rounds: number;
  /** Where it was found, without repeating it. */
  readonly found: readonly string[];
  /** How many processes of ghosts were looked at. */
  readonly ghosts: number;
};

/** Larger files are images and databases, not where a program writes a passphrase down. */
const maximumFileBytes = 256 * 1024;

const [secretsHex, ...folders] = process.argv.slice(2);
const secrets = secretsHex!.split(',').map((hex) => Buffer.from(hex, 'hex'));
const found = new Set<string>();
const ghosts = new Set<number>();
let rounds = 0;
const state = {ended: false};
void text(process.stdin).then(() => (state.ended = true));

/** What lay in the shared directories before is others', and may be much. */
const known = new Set(folders.flatMap((folder) => namesIn(folder).map((name) => join(folder, name))));
const ownMounts = readlinkSync('/proc/self/ns/mnt');
process.stdout.write('watching\n');
while (!state.ended) {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) lookAt(Number(pid));
  for (const folder of folders) search(folder, 3);
  rounds += 1;
  await new Promise((resolve) => setImmediate(resolve));
}
process.stdout.write(`${JSON.stringify({rounds, found: [...found], ghosts: ghosts.size} satisfies Watched)}\n`);

function lookAt(pid: number): void {
  if (pid === process.pid) return;
  for (const name of ['cmdline', 'environ']) check(`/proc/${pid}/${name}`);
  // A ghost has directories for temporary files of its own.
  if (namespaceOf(pid) === ownMounts) return;
  ghosts.add(pid);
  for (const folder of ['/tmp', '/dev/shm', '/run']) {
    const [inside, outside] = [statOf(`/proc/${pid}/root${folder}`), statOf(folder)];
    if (inside !== undefined && inside.dev !== outside?.dev) search(`/proc/${pid}/root${folder}`, 2);
  }
}

function namespaceOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return ownMounts;
  }
}

function search(folder: string, depth: number): void {
  for (const path of namesIn(folder).map((name) => join(folder, name))) {
    if (known.has(path)) continue;
    const stat = statOf(path);
    if (stat?.isDirectory() === true && depth > 0) search(path, depth - 1);
    else if (stat?.isFile() === true && stat.size <= maximumFileBytes) check(path);
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function statOf(path: string) {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function check(path: string): void {
  try {
    const content = readFileSync(path);
    if (secrets.some((secret) => content.includes(secret))) found.add(path.replace(/\d+/g, 'N'));
  } catch {
    // It is gone, or its process is.
  }
}

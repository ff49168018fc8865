import {spawnSync} from 'node:child_process';
import {randomBytes, randomUUID} from 'node:crypto';
import {copyFileSync, existsSync, mkdirSync, rmSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {chownTo, writeAs} from './ownership.ts';
import {tazpod} from './run.ts';
import type {BedUser} from './user.ts';

/** A vault of a test, and what opens it. */
export type TestVault = {
  readonly owner: BedUser;
  readonly image: string;
  readonly mountPoint: string;
  readonly passphrase: string;
  /** The passphrase with a newline behind it. */
  readonly passphraseFile: string;
  /** `--image … --mount-point … --passphrase-file …` */
  readonly flags: readonly string[];
};

export type VaultOptions = {
  /** Default 32M, the least there is. */
  readonly size?: '32M' | '64M' | '128M';
  /** Default `~/secrets`. */
  readonly mountPoint?: string;
};

/** Key derivation that takes no time: these vaults hold nothing. */
export const quickKdf = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];

/** One made vault of each size and owner; making one takes a second, copying one does not. */
const templates = new Map<string, Promise<TestVault>>();
let count = 0;

/** An empty vault of the user's own, in a directory of its own, with a LUKS UUID of its own. */
export async function makeVault(owner: BedUser, options: VaultOptions = {}): Promise<TestVault> {
  const {size = '32M', mountPoint = join(owner.home, 'secrets')} = options;
  // The root of the file system in it belongs to the owner.
  const kind = `${size} of user ${owner.uid}`;
  const template = templates.get(kind) ?? createTemplate(owner, size);
  templates.set(kind, template);
  const {image, passphrase} = await template;

  const vault = describeVault(owner, `vault-${++count}`, mountPoint, passphrase);
  copyFileSync(image, vault.image);
  const renamed = spawnSync('cryptsetup', ['luksUUID', '--batch-mode', '--uuid', randomUUID(), vault.image]);
  if (renamed.status !== 0) throw new Error(`cryptsetup luksUUID: ${renamed.stderr.toString()}`);
  chownTo(owner, vault.image);
  return vault;
}

/** The places of a vault that is not made yet: a directory for it, and a file with a random passphrase. */
export function planVault(owner: BedUser, mountPoint = join(owner.home, 'secrets')): TestVault {
  return describeVault(owner, `vault-${++count}`, mountPoint, randomBytes(12).toString('hex'));
}

/** Takes the image away; the directory stays for what a test looks for in it. */
export function removeVault({image}: TestVault): void {
  rmSync(image, {force: true});
}

function describeVault(owner: BedUser, name: string, mountPoint: string, passphrase: string): TestVault {
  const folder = join(owner.home, name);
  for (const path of [folder, join(folder, '.tazpod-vault')]) {
    mkdirSync(path, {recursive: true, mode: 0o700});
    chownTo(owner, path);
  }
  const passphraseFile = writeAs(owner, join(folder, 'passphrase'), `${passphrase}\n`);
  const image = join(folder, '.tazpod-vault/vault.img');
  return {
    owner,
    image,
    mountPoint,
    passphrase,
    passphraseFile,
    flags: ['--image', image, '--mount-point', mountPoint, '--passphrase-file', passphraseFile],
  };
}

async function createTemplate(owner: BedUser, size: string): Promise<TestVault> {
  const template = planVault(owner);
  const {image, passphraseFile} = template;
  const args = ['vault', 'create', '--image', image, '--passphrase-file', passphraseFile, '--size', size, ...quickKdf];
  const {code, stderr} = await tazpod(owner, args);
  if (code !== 0 || !existsSync(dirname(image))) throw new Error(`vault create ended with ${code}: ${stderr}`);
  return template;
}

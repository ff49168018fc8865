import {Flags} from '@oclif/core';
import {shareNames} from '../foundation/share.ts';

/** Which vault is meant. */
export const imageFlags = {
  image: Flags.string({
    char: 'i',
    description:
      'the image of the vault [default: .tazpod-vault/vault.img, here or in a parent directory; env: TAZPOD_IMAGE]',
    helpValue: 'PATH',
  }),
  vault: Flags.string({
    description: 'the vault with this name (tazpod vault add)',
    exclusive: ['image'],
    helpValue: 'NAME',
  }),
};

/** Where its key comes from. */
export const keyFlags = {
  'passphrase-file': Flags.string({
    description: 'read the passphrase from the first line of FILE; - is standard input [env: TAZPOD_PASSPHRASE_FILE]',
    helpValue: 'FILE',
  }),
  'key-file': Flags.string({
    description: 'use every byte of FILE as the key; - is standard input',
    helpValue: 'FILE',
    exclusive: ['passphrase-file'],
  }),
};

/** Where a new key comes from. */
export const newKeyFlags = {
  'new-passphrase-file': Flags.string({
    description: 'read the new passphrase from the first line of FILE; - is standard input, behind the current one',
    helpValue: 'FILE',
  }),
  'new-key-file': Flags.string({
    description: 'use every byte of FILE as the new key; - is standard input',
    helpValue: 'FILE',
    exclusive: ['new-passphrase-file'],
  }),
};

/** How it is opened. */
export const openFlags = {
  'mount-point': Flags.string({
    description:
      'the directory below your home where the vault appears inside the ghost [default: ~/secrets; env: TAZPOD_MOUNT_POINT]',
    helpValue: 'DIR',
  }),
  engine: Flags.option({
    options: ['dm-crypt', 'fuse'] as const,
    description:
      'decrypt in the kernel (dm-crypt) or in a process (fuse) [default: the best available; env: TAZPOD_ENGINE]',
  })(),
  isolation: Flags.option({
    options: ['sealed', 'private'] as const,
    description: 'private works without root; sealed needs it [default: sealed if possible; env: TAZPOD_ISOLATION]',
  })(),
};

/** How long to wait for another `tazpod` at the same vault. */
export const waitFlags = {
  wait: Flags.integer({
    description: 'seconds to wait while another process opens or closes the vault',
    default: 30,
    helpValue: 'SECONDS',
    max: 3600,
    min: 0,
  }),
};

/** What a session may do with the vault. */
export const readOnlyFlags = {
  'read-only': Flags.boolean({description: 'open the vault without changing anything in it or in its image'}),
};

/** What a session may use of the login around it. */
export const shareFlags = {
  share: Flags.option({
    options: shareNames,
    multiple: true,
    delimiter: ',',
    description: `let the session use these services of your login: ${shareNames.join(', ')} [default: none]`,
    helpValue: 'NAME,NAME',
  })(),
};

/** What to do where it is open already. */
export const joinFlags = {
  ...waitFlags,
  join: Flags.boolean({
    allowNo: true,
    default: true,
    description: 'join the ghost if the vault is already open; --no-join fails instead',
  }),
};

/** How a new key slot derives its key. */
export const kdfFlags = {
  pbkdf: Flags.option({
    options: ['argon2id', 'argon2i', 'pbkdf2'] as const,
    description: 'key derivation function of the new key',
    default: 'argon2id' as const,
  })(),
  'pbkdf-memory': Flags.integer({
    description: 'memory cost of argon2 in KiB [default: cryptsetup’s choice, within the limits of this process]',
    helpValue: 'KIB',
    min: 32,
    max: 4 * 1024 * 1024,
  }),
  'pbkdf-force-iterations': Flags.integer({
    description: 'time cost [default: measured on this machine]',
    helpValue: 'N',
    min: 1,
  }),
};

/** How a new one is made. */
export const createFlags = {
  size: Flags.string({
    description: 'size of a new image: a number with K, M, G or T [default: 512M; env: TAZPOD_SIZE]',
    helpValue: 'SIZE',
  }),
  ...kdfFlags,
};

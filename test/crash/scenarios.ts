import {quickKdf, type TestVault} from '../bed/vault.ts';
import type {FaultyInstallOptions} from './faulty-install.ts';

/** A life of a vault that is cut short: what is typed, and what kind of machine it is typed at. */
export type Scenario = {
  readonly name: string;
  readonly install: FaultyInstallOptions;
  /** What is there before: the image, nothing, or an open vault that is joined, or locked where no session begins. */
  readonly vault: 'there' | 'made' | 'open';
  /** Whether a session of the writer begins. */
  readonly session: boolean;
  /** The command line, given the vault and the program of its session. */
  command(vault: TestVault, program: string): string;
  /** How much of it the full run plays. */
  readonly matrix: 'full' | 'essential';
  /** The points that the short run takes a sample of; others are those of another scenario. */
  readonly sample: RegExp;
  readonly isolation: 'sealed' | 'private';
  /** What serves the file system: fuse2fs keeps no journal. */
  readonly driver: 'kernel' | 'fuse2fs';
  /** A directory of the home that is bridged, and has something new in it at each beginning. */
  readonly bridge?: string;
};

const open = (vault: TestVault, session: string, ...flags: readonly string[]) =>
  ['tazpod exec', ...vault.flags, ...flags, '--', session].join(' ');

const create = (vault: TestVault, ...flags: readonly string[]) =>
  [
    ...['tazpod vault create --image', vault.image, '--passphrase-file', vault.passphraseFile, '--size 32M'],
    ...quickKdf,
    ...flags,
  ].join(' ');

export const scenarios: readonly Scenario[] = [
  {
    name: 'a sealed vault on a loop device',
    install: {loops: true},
    vault: 'there',
    session: true,
    command: (vault, session) => open(vault, session),
    matrix: 'full',
    sample: /./,
    isolation: 'sealed',
    driver: 'kernel',
  },
  {
    name: 'a sealed vault on fuse2fs',
    install: {loops: false},
    vault: 'there',
    session: true,
    command: (vault, session) => open(vault, session),
    matrix: 'essential',
    sample: /^(open\/(mount|shell)|close\/unmount|the)/,
    isolation: 'sealed',
    driver: 'fuse2fs',
  },
  {
    name: 'a private vault',
    install: {loops: true},
    vault: 'there',
    session: true,
    command: (vault, session) => open(vault, session, '--isolation private'),
    matrix: 'essential',
    sample: /^(open\/(attach|mount|shell)|close\/unmount|the)/,
    isolation: 'private',
    driver: 'fuse2fs',
  },
  {
    name: 'a new sealed vault',
    install: {loops: true},
    vault: 'made',
    session: false,
    command: (vault) => create(vault),
    matrix: 'essential',
    sample: /^create/,
    isolation: 'sealed',
    driver: 'kernel',
  },
  {
    name: 'a new private vault',
    install: {loops: true},
    vault: 'made',
    session: false,
    command: (vault) => create(vault, '--isolation private'),
    matrix: 'essential',
    sample: /^create\/(mkfs|publish)/,
    isolation: 'private',
    driver: 'fuse2fs',
  },
  {
    name: 'a vault that is made and opened',
    install: {loops: true},
    vault: 'made',
    session: true,
    command: (vault, session) =>
      [`SHELL=${session} tazpod unlock --create --size 32M`, ...vault.flags, ...quickKdf].join(' '),
    matrix: 'essential',
    sample: /^openCreated/,
    isolation: 'sealed',
    driver: 'kernel',
  },
  {
    name: 'a vault that is adopted',
    install: {loops: true},
    vault: 'there',
    session: false,
    command: (vault) => ['tazpod vault adopt --yes', ...vault.flags.slice(0, 2), ...vault.flags.slice(-2)].join(' '),
    matrix: 'essential',
    sample: /^adopt\/adopt/,
    isolation: 'sealed',
    driver: 'kernel',
  },
  {
    name: 'a vault that is locked from outside',
    install: {loops: true},
    vault: 'open',
    session: false,
    command: (vault) => ['tazpod lock', ...vault.flags.slice(0, 2)].join(' '),
    matrix: 'essential',
    sample: /^lock\/(hangUp|end)/,
    isolation: 'sealed',
    driver: 'kernel',
  },
  {
    name: 'a vault with a bridge',
    install: {loops: true},
    vault: 'there',
    session: true,
    command: (vault, session) => open(vault, session),
    matrix: 'essential',
    sample: /^open\/bridge/,
    isolation: 'sealed',
    driver: 'kernel',
    bridge: '.agent',
  },
  {
    name: 'a session that joins another',
    install: {loops: true},
    vault: 'open',
    session: true,
    command: (vault, session) => open(vault, session),
    matrix: 'essential',
    sample: /^(join|the)/,
    isolation: 'sealed',
    driver: 'kernel',
  },
];

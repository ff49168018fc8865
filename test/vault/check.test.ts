import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import {recordBackup} from '../../src/vault/backup-record.ts';
import type {VaultFinding} from '../../src/vault/check-finding.ts';
import {checkVault} from '../../src/vault/check.ts';
import {headerAt} from '../../src/vault/image-header.ts';
import type {Presentation} from '../../src/vault/presentation.ts';
import {skip} from '../skip.ts';

/** A fault that is put into a sound vault, and the finding that names it. */
type Fault = {
  readonly what: string;
  readonly finding: string;
  readonly severity: 'warning' | 'error';
  /** A part of the command that mends it. */
  readonly fix?: RegExp;
  /** The path of the image, if it is another one then. */
  readonly inject: (image: string) => unknown;
};

const key = 'a key';

function cryptsetup(args: readonly string[], input = key): void {
  const {status, stderr} = spawnSync('cryptsetup', ['--batch-mode', '--disable-locks', ...args], {input});
  if (status !== 0) throw new Error(`cryptsetup ${args[0]}: ${stderr.toString()}`);
}

function overwrite(image: string, at: number, bytes: Buffer): void {
  const fd = openSync(image, 'r+');
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}

function read(image: string, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const fd = openSync(image, 'r');
  readSync(fd, bytes, 0, length, at);
  closeSync(fd);
  return bytes;
}

function addKey(image: string, ...options: string[]): void {
  const file = join(dirname(image), 'new-key');
  writeFileSync(file, 'another key');
  cryptsetup(['luksAddKey', '--key-file=-', ...options, image, file]);
  rmSync(file);
}

function beside(image: string, name: string): void {
  writeFileSync(join(dirname(image), name), '');
}

const noise = Buffer.alloc(4096, 0xa5);
const recent = () => new Date().toISOString();
const backupOf = (image: string, file: string, finished: string): void => {
  recordBackup(headerAt(image)!.uuid, {file, finished, sha256: '', opened: true});
};

const faults: readonly Fault[] = [
  {
    what: 'a damaged first header',
    finding: 'header-copy',
    severity: 'warning',
    fix: /^cryptsetup repair /,
    inject: (image) => overwrite(image, 5000, noise),
  },
  {
    what: 'a damaged second header',
    finding: 'header-copy',
    severity: 'warning',
    fix: /^cryptsetup repair /,
    inject: (image) => overwrite(image, 0x4000 + 5000, noise),
  },
  {
    what: 'a second header of yesterday',
    finding: 'header-copy',
    severity: 'warning',
    fix: /^cryptsetup repair /,
    inject: (image) => {
      const old = read(image, 0x4000, 0x4000);
      addKey(image, '--pbkdf=pbkdf2', '--pbkdf-force-iterations=300000');
      overwrite(image, 0x4000, old);
    },
  },
  {
    what: 'two damaged headers',
    finding: 'header',
    severity: 'error',
    fix: /luksHeaderRestore/,
    inject: (image) => {
      overwrite(image, 5000, noise);
      overwrite(image, 0x4000 + 5000, noise);
    },
  },
  {
    what: 'a beginning that something has overwritten',
    finding: 'header',
    severity: 'error',
    fix: /cryptsetup repair/,
    inject: (image) => overwrite(image, 0, noise),
  },
  {what: 'a file that is no vault', finding: 'header', severity: 'error', inject: (image) => truncateSync(image, 0)},
  {
    what: 'an image that ends before its data',
    finding: 'header',
    severity: 'error',
    inject: (image) => truncateSync(image, 2 ** 20),
  },
  {
    what: 'a LUKS1 image',
    finding: 'header',
    severity: 'error',
    fix: /cryptsetup convert/,
    inject: (image) =>
      cryptsetup(['luksFormat', '--type=luks1', '--pbkdf-force-iterations=1000', '--key-file=-', image]),
  },
  {
    what: 'a key slot whose passphrase can be guessed fast',
    finding: 'key-derivation',
    severity: 'warning',
    fix: /^cryptsetup luksConvertKey --key-slot 1 /,
    inject: (image) => addKey(image, '--pbkdf=pbkdf2', '--pbkdf-force-iterations=1000'),
  },
  {
    what: 'an image that others can read',
    finding: 'mode',
    severity: 'warning',
    fix: /^chmod 600 /,
    inject: (image) => chmodSync(image, 0o644),
  },
  {
    what: 'a directory that others can write',
    finding: 'directory-mode',
    severity: 'warning',
    fix: /^chmod go-w /,
    inject: (image) => chmodSync(dirname(image), 0o777),
  },
  {
    what: 'an image in memory',
    finding: 'memory',
    severity: 'warning',
    fix: /^tazpod vault backup /,
    inject: (image) => {
      const folder = mkdtempSync('/dev/shm/tazpod-check-');
      copyFileSync(image, join(folder, 'vault.img'));
      return join(folder, 'vault.img');
    },
  },
  {
    what: 'a directory that Dropbox synchronises',
    finding: 'synchronised',
    severity: 'warning',
    inject: (image) => {
      const folder = join(dirname(image), 'Dropbox/project');
      mkdirSync(folder, {recursive: true});
      copyFileSync(image, join(folder, 'vault.img'));
      return join(folder, 'vault.img');
    },
  },
  {
    what: 'a directory that Syncthing synchronises',
    finding: 'synchronised',
    severity: 'warning',
    inject: (image) => beside(image, '.stfolder'),
  },
  {
    what: 'an image that its disk has no space for',
    finding: 'disk-full',
    severity: 'warning',
    fix: /^df -h /,
    inject: (image) => truncateSync(image, 2 ** 43),
  },
  {what: 'no backup', finding: 'no-backup', severity: 'warning', fix: /^tazpod vault backup /, inject: () => {}},
  {
    what: 'a backup that is gone',
    finding: 'backup-missing',
    severity: 'warning',
    inject: (image) => backupOf(image, `${image}.nowhere`, recent()),
  },
  {
    what: 'a backup that is older than what was changed',
    finding: 'backup-old',
    severity: 'warning',
    inject: (image) => backupOf(image, image, '2020-01-01T00:00:00.000Z'),
  },
  {
    what: 'a file of a backup that was killed',
    finding: 'unfinished',
    severity: 'warning',
    fix: /^rm /,
    inject: (image) => beside(image, '.vault.img.tazpod-new-1-2'),
  },
  {
    what: 'a file of a create that was killed',
    finding: 'unfinished',
    severity: 'warning',
    fix: /^rm /,
    inject: (image) => beside(image, '.vault-in-the-making-1'),
  },
  {
    what: 'an image that a restore has kept',
    finding: 'kept',
    severity: 'warning',
    fix: /^rm .*before-restore/,
    inject: (image) => beside(image, 'vault.img.before-restore-20260101T000000Z'),
  },
  {
    what: 'files in the mount point outside the vault',
    finding: 'stray-files',
    severity: 'warning',
    fix: /^tazpod vault absorb$/,
    inject: (image) => {
      mkdirSync(join(dirname(image), 'mount-point'));
      beside(image, 'mount-point/secret');
    },
  },
];

describe('vault check', function () {
  this.timeout(60_000);
  let folder: string;
  let image: string;
  const made: string[] = [];
  const state = process.env['XDG_STATE_HOME'];

  before(function () {
    if (spawnSync('cryptsetup', ['--version']).status !== 0) skip(this, 'cryptsetup is not installed');
  });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-check-'));
    made.push(folder);
    process.env['XDG_STATE_HOME'] = join(folder, 'state');
    const directory = join(folder, 'vault');
    mkdirSync(directory, {mode: 0o700});
    image = join(directory, 'vault.img');
    writeFileSync(image, '', {mode: 0o600});
    truncateSync(image, 17 * 2 ** 20);
    const slow = ['--pbkdf=pbkdf2', '--pbkdf-force-iterations=300000'];
    cryptsetup(['luksFormat', '--type=luks2', ...slow, '--key-file=-', image]);
  });

  afterEach(() => {
    for (const each of made.splice(0)) rmSync(each, {recursive: true, force: true});
    if (state === undefined) delete process.env['XDG_STATE_HOME'];
    else process.env['XDG_STATE_HOME'] = state;
  });

  async function check(path: string): Promise<readonly VaultFinding[]> {
    const mountPoint = join(dirname(path), 'mount-point');
    const request = {image: path, mountPoint, key: {from: 'terminal'}} as const;
    return (await checkVault(request, false, {} as Presentation)).findings;
  }

  it('finds nothing in a sound vault with a backup, and says that it did not look at the file system', async () => {
    backupOf(image, image, recent());
    const findings = (await check(image)).filter(({severity}) => severity !== 'ok');
    expect(findings.map(({id, severity}) => `${id} ${severity}`)).to.deep.equal(['file-system skipped']);
  });

  for (const {what, finding, severity, fix, inject} of faults) {
    it(`names ${what}, and changes nothing`, async () => {
      if (finding !== 'no-backup') backupOf(image, image, recent());
      const moved = inject(image);
      const path = typeof moved === 'string' ? moved : image;
      if (path !== image) made.push(path.startsWith('/dev/shm') ? dirname(path) : folder);
      utimesSync(path, new Date(), new Date());
      const before = statSync(path, {bigint: true}).mtimeNs;
      const findings = await check(path);
      const found = findings.filter(({id}) => id === finding);
      expect(found, JSON.stringify(findings, undefined, 1)).to.have.length(1);
      expect(found[0]!.severity).to.equal(severity);
      if (fix !== undefined) expect(found[0]!.fix).to.match(fix);
      // Each fault is one finding: what comes with it is what it keeps from being looked at.
      const others = findings.filter(({id, severity: of}) => id !== finding && (of === 'warning' || of === 'error'));
      if (severity === 'warning') expect(others, JSON.stringify(others)).to.deep.equal([]);
      expect(statSync(path, {bigint: true}).mtimeNs).to.equal(before);
    });
  }
});

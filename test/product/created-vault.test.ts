import {spawnSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {statSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {writeAs} from '../bed/ownership.ts';
import {type Ended, runAs, tazpod} from '../bed/run.ts';
import {atGhostPrompt, atPrompt, openTerminal} from '../bed/terminal.ts';
import type {BedUser} from '../bed/user.ts';
import {planVault, quickKdf, type TestVault} from '../bed/vault.ts';

/** What plain cryptsetup says to a key: 0, or 2 when it opens no key slot. */
function plainlyOpens(image: string, key: string | Buffer): number | null {
  const args = ['open', '--test-passphrase', '--batch-mode', '--key-file', '-', image];
  return spawnSync('cryptsetup', args, {input: key}).status;
}

function luksDump(image: string): string {
  const {status, stdout} = spawnSync('cryptsetup', ['luksDump', image], {encoding: 'utf8'});
  expect(status, 'luksDump').to.equal(0);
  return stdout;
}

describe('A vault that was created', () => {
  let owner: BedUser;
  let vault: TestVault;
  let created: Ended;

  before(async function () {
    needsRoot(this);
    owner = makeOwner();
    vault = planVault(owner);
    const args = ['--image', vault.image, '--passphrase-file', vault.passphraseFile, '--size', '32M', ...quickKdf];
    created = await tazpod(owner, ['vault', 'create', ...args]);
  });

  afterEach(() => expectNothingLeft(vault));

  /** Opens the vault for `true` with other key flags than the vault's own. */
  const opensWith = (flags: readonly string[], options: Parameters<typeof tazpod>[2] = {}) =>
    tazpod(owner, ['exec', '--image', vault.image, ...flags, '--', 'true'], options);

  it('is named, and the way to open it too', () => {
    expect(created.code, created.stderr).to.equal(0);
    expect(created.stdout)
      .to.include(vault.image)
      .and.to.match(/32 MiB.*tazpod unlock/);
  });

  it('is a private file of its user, with all its space allocated', () => {
    const {uid, gid, mode, size, blocks} = statSync(vault.image);
    expect({uid, gid, mode: mode & 0o777, size}).to.deep.equal({
      uid: owner.uid,
      gid: owner.gid,
      mode: 0o600,
      size: 32 * 2 ** 20,
    });
    expect(blocks * 512).to.be.at.least(32 * 2 ** 20);
  });

  it('is a LUKS2 image to plain cryptsetup', () => {
    const dump = luksDump(vault.image);
    expect(dump).to.match(/Version:\s+2/);
    expect(dump).to.match(/cipher: aes-xts-plain64/);
    expect(dump).to.match(/PBKDF:\s+pbkdf2\s+Hash:\s+sha256\s+Iterations: 1000/);
  });

  it('opens with plain cryptsetup by the same passphrase, and by no other', () => {
    expect(plainlyOpens(vault.image, vault.passphrase)).to.equal(0);
    expect(plainlyOpens(vault.image, `${vault.passphrase}\n`)).to.equal(2);
    expect(plainlyOpens(vault.image, vault.passphrase.slice(0, -1))).to.equal(2);
  });

  it('opens by a passphrase file with and without a newline, and by the first line of a longer one', async () => {
    for (const content of [vault.passphrase, `${vault.passphrase}\n`, `${vault.passphrase}\nmore\n`]) {
      const file = writeAs(owner, join(owner.home, 'passphrase'), content);
      const {code, stderr} = await opensWith(['--passphrase-file', file]);
      expect(code, stderr).to.equal(0);
    }
  });

  it('opens by a passphrase on standard input, by the file that the environment names, and by a substitution', async () => {
    expect(
      (await opensWith(['--passphrase-file', '-'], {stdin: `${vault.passphrase}\nfor the command`})).code,
    ).to.equal(0);
    expect((await opensWith([], {env: {TAZPOD_PASSPHRASE_FILE: vault.passphraseFile}})).code).to.equal(0);
    const script = `tazpod exec --image ${vault.image} --passphrase-file <(printf %s "$(cat ${vault.passphraseFile})") -- true`;
    const {code, stderr} = await runAs(owner, ['bash', '-c', script]);
    expect(code, stderr).to.equal(0);
  });

  it('opens by typing the same passphrase, which the terminal does not show', async () => {
    const terminal = await openTerminal(owner);
    try {
      terminal.enter(`tazpod unlock --image ${vault.image}`);
      await terminal.shows(/Passphrase for/);
      terminal.enter(vault.passphrase);
      await terminal.shows(atGhostPrompt);
      terminal.enter('exit');
      await terminal.shows(atPrompt);
      expect(terminal.screen(true)).not.to.include(vault.passphrase);
    } finally {
      terminal.close();
    }
  });

  it('takes every byte of a key file as it is, and so does plain cryptsetup', async () => {
    const bytes = Buffer.concat([Buffer.from('one\0two\n'), randomBytes(56), Buffer.from('\n')]);
    const keyFile = writeAs(owner, join(owner.home, 'key'), bytes);
    const keyed = planVault(owner);
    const {code, stderr} = await tazpod(owner, [
      ...['vault', 'create', '--image', keyed.image, '--key-file', keyFile, '--size', '32M', ...quickKdf],
    ]);
    expect(code, stderr).to.equal(0);
    expect(plainlyOpens(keyed.image, bytes)).to.equal(0);
    expect(plainlyOpens(keyed.image, bytes.subarray(0, -1))).to.equal(2);
    const exec = ['exec', '--image', keyed.image];
    expect((await tazpod(owner, [...exec, '--key-file', keyFile, '--', 'true'])).code).to.equal(0);
    expect((await tazpod(owner, [...exec, '--key-file', '-', '--', 'true'], {stdin: bytes})).code).to.equal(0);
    expect((await tazpod(owner, [...exec, '--passphrase-file', keyFile, '--', 'true'])).code).to.equal(77);
    await expectNothingLeft(keyed);
  });

  it('derives its key with argon2id when nothing else is asked for, at the cost that was asked for', async () => {
    const vault2 = planVault(owner);
    const cost = ['--pbkdf-memory', '32768', '--pbkdf-force-iterations', '4'];
    const args = ['--image', vault2.image, '--passphrase-file', vault2.passphraseFile, '--size', '32M', ...cost];
    const {code, stderr} = await tazpod(owner, ['vault', 'create', ...args]);
    expect(code, stderr).to.equal(0);
    expect(luksDump(vault2.image)).to.match(/PBKDF:\s+argon2id\s+Time cost:\s+4\s+Memory:\s+32768/);
  });

  it('is reported as JSON', async () => {
    const other = planVault(owner);
    const args = ['--image', other.image, '--passphrase-file', other.passphraseFile, '--size', '32M', ...quickKdf];
    const {code, stdout, stderr} = await tazpod(owner, ['vault', 'create', '--json', ...args]);
    expect(code, stderr).to.equal(0);
    expect(JSON.parse(stdout)).to.deep.equal({
      status: 0,
      result: {image: other.image, sizeBytes: 32 * 2 ** 20},
      warnings: [],
    });
    expect(stderr).to.equal('');
  });

  it('is asked for twice on a terminal, and again where the two differ', async () => {
    const typed = planVault(owner);
    const terminal = await openTerminal(owner);
    try {
      terminal.enter(`tazpod vault create --image ${typed.image} --size 32M ${quickKdf.join(' ')}`);
      await terminal.shows(/New passphrase for/);
      terminal.enter(typed.passphrase);
      await terminal.shows(/Repeat passphrase/);
      terminal.enter(`${typed.passphrase}x`);
      await terminal.shows(/do not match[^]*New passphrase for/);
      terminal.enter(typed.passphrase);
      await terminal.shows(/do not match[^]*Repeat passphrase/);
      terminal.enter(typed.passphrase);
      await terminal.shows(/^Created [^]*^outside>/m);
    } finally {
      terminal.close();
    }
    expect(plainlyOpens(typed.image, typed.passphrase)).to.equal(0);
  });

  it('has no empty passphrase, and a weak one only with a warning', async () => {
    const weak = planVault(owner);
    const args = ['vault', 'create', '--image', weak.image, '--passphrase-file', '-', '--size', '32M', ...quickKdf];
    const empty = await tazpod(owner, args, {stdin: '\n'});
    expect(empty.code).to.equal(64);
    expect(empty.stderr).to.match(/passphrase is empty/);
    await expectNothingLeft(weak);
    const short = await tazpod(owner, args, {stdin: 'aaaa\n'});
    expect(short.code).to.equal(0);
    expect(short.stderr).to.match(/weak/);
  });
});

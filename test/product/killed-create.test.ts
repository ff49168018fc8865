import {spawnSync} from 'node:child_process';
import {existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {kill, processTree} from '../bed/process-tree.ts';
import {startTazpod, tazpod} from '../bed/run.ts';
import {openTerminal} from '../bed/terminal.ts';
import type {BedUser} from '../bed/user.ts';
import {planVault, quickKdf, type TestVault} from '../bed/vault.ts';

const createFlags = ({image, passphraseFile}: TestVault) => [
  ...['vault', 'create', '--image', image, '--passphrase-file', passphraseFile, '--size', '32M', ...quickKdf],
];

describe('A create that is killed', () => {
  let owner: BedUser;
  let vault: TestVault;

  before(function () {
    needsRoot(this);
    owner = makeOwner();
    vault = planVault(owner);
  });

  for (const step of [
    'Enter a private mount namespace',
    'Allocate the image',
    'Write the LUKS2 header',
    'Vet the LUKS2 header',
    'Unlock a key slot',
    // The next step is made and named within a moment: that is for "at any moment" below.
    'Attach the encrypted device',
  ]) {
    it(`after "${step}" leaves no image, no space taken and nothing else`, async () => {
      const create = startTazpod(owner, createFlags(vault));
      await create.seen(new RegExp(`^✔ ${step}`, 'm'));
      const tree = processTree(create.pid);
      for (const process of tree) kill(process);
      await create.ended;
      await expectNothingLeft(vault, {processes: tree});
      expect(readdirSync(dirname(vault.image))).to.deep.equal([]);
    });
  }

  it('as a ghost alone, under its CLI, is reported as a failure', async () => {
    const create = startTazpod(owner, createFlags(vault));
    await create.seen(/^✔ Allocate the image/m);
    const tree = processTree(create.pid);
    kill(tree.find(({role}) => role === 'the ghost')!);
    const {code, stdout, stderr} = await create.ended;
    expect({code, stdout}, stderr).to.deep.equal({code: 70, stdout: ''});
    expect(stderr).to.match(/error: The vault was not created/);
    await expectNothingLeft(vault, {processes: tree});
  });

  it('by Ctrl-C at its prompt ends with 130 and claims nothing', async () => {
    const terminal = await openTerminal(owner);
    try {
      terminal.enter(`tazpod vault create --image ${vault.image} --size 32M`);
      await terminal.shows(/New passphrase for/);
      terminal.press('C-c');
      await terminal.shows(/New passphrase for[^]*^outside> ?$/m);
      terminal.enter('echo "code=$?"');
      await terminal.shows(/^code=130$/m);
      expect(terminal.screen(true)).not.to.match(/^Made/m);
      await expectNothingLeft(vault, {terminal: terminal.path});
      expect(existsSync(vault.image)).to.be.false;
    } finally {
      terminal.close();
    }
  });

  it('at any moment leaves a whole image or none', async () => {
    let whole = 0;
    for (let delayMs = 250; delayMs < 750; delayMs += 100) {
      const create = startTazpod(owner, createFlags(vault));
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      const tree = processTree(create.pid);
      for (const process of tree.toReversed()) kill(process);
      await create.ended;
      await expectNothingLeft(vault, {processes: tree, planFolder: 'may stay'});
      const isWhole = existsSync(vault.image);
      if (isWhole) whole += 1;
      const next = isWhole ? ['exec', ...vault.flags, '--', 'true'] : createFlags(vault);
      const {code, stderr} = await tazpod(owner, next);
      expect(code, stderr).to.equal(0);
      await expectNothingLeft(vault);
      rmSync(vault.image);
    }
    expect(whole).to.be.at.most(5);
  });

  it('is followed by one that succeeds', async () => {
    const {code, stderr} = await tazpod(owner, createFlags(vault));
    expect(code, stderr).to.equal(0);
    await expectNothingLeft(vault);
  });

  it('removes what one before it has left under a temporary name, and nothing that looks alike', async () => {
    const other = planVault(owner);
    const folder = dirname(other.image);
    writeAs(owner, join(folder, '.vault-in-the-making-00000000-0000-0000-0000-000000000000'), 'abandoned');
    const busy = writeAs(owner, join(folder, '.vault-in-the-making-at-work'), 'at work');
    writeAs(owner, join(folder, 'vault-in-the-making'), 'mine');
    const holder = ['flock', busy, ...['sh', '-c', 'exec "$@"', 'sh']];
    const {code, stderr} = await tazpod(owner, createFlags(other), {within: holder});
    expect(code, stderr).to.equal(0);
    expect(readdirSync(folder).sort()).to.deep.equal([
      '.vault-in-the-making-at-work',
      'vault-in-the-making',
      'vault.img',
    ]);
    rmSync(folder, {recursive: true});
  });
});

describe('create overwrites nothing:', () => {
  let owner: BedUser;

  before(function () {
    needsRoot(this);
    owner = makeOwner();
  });

  const things: Readonly<Record<string, (path: string) => void>> = {
    'a file': (path) => writeAs(owner, path, 'mine'),
    'an empty file': (path) => writeAs(owner, path, ''),
    'a folder': (path) => mkdirSync(path),
    'a link to a file': (path) => symlinkSync(writeAs(owner, `${path}.target`, 'mine'), path),
    'a link to nowhere': (path) => symlinkSync(`${path}.target`, path),
    'a FIFO': (path) => spawnSync('mkfifo', [path]),
  };

  for (const [name, make] of Object.entries(things)) {
    it(name, async () => {
      const vault = planVault(owner);
      make(vault.image);
      if (name === 'a folder') chownTo(owner, vault.image);
      const beside = readdirSync(dirname(vault.image));
      const picture = () => {
        const {ino, mode, size, mtimeMs} = lstatSync(vault.image);
        return {ino, mode, size, mtimeMs};
      };
      const before = picture();
      const {code, stdout, stderr} = await tazpod(owner, createFlags(vault));
      expect({code, stdout}, stderr).to.deep.equal({code: 73, stdout: ''});
      expect(stderr).to.match(/error: .* already exists/);
      expect(picture()).to.deep.equal(before);
      expect(readdirSync(dirname(vault.image))).to.deep.equal(beside);
      if (name === 'a link to a file') expect(readFileSync(readlinkSync(vault.image), 'utf8')).to.equal('mine');
      if (name === 'a link to nowhere') expect(existsSync(vault.image)).to.be.false;
      rmSync(dirname(vault.image), {recursive: true});
      mkdirSync(dirname(vault.image));
      await expectNothingLeft(vault);
    });
  }

  it('nor what appears while it is at work', async () => {
    const vault = planVault(owner);
    const create = startTazpod(owner, createFlags(vault));
    await create.seen(/^✔ Write the LUKS2 header/m);
    writeAs(owner, vault.image, 'first');
    const {code, stderr} = await create.ended;
    expect(code, stderr).to.equal(73);
    expect(readFileSync(vault.image, 'utf8')).to.equal('first');
    expect(readdirSync(dirname(vault.image))).to.deep.equal(['vault.img']);
    await expectNothingLeft(vault);
  });
});

import {spawnSync} from 'node:child_process';
import {mkdirSync, readdirSync, readFileSync, statfsSync, statSync, writeFileSync} from 'node:fs';
import {expect} from 'chai';
import {identifyProcess, isAlive} from '../../src/kernel/process.ts';
import {readLoopDevices} from '../../src/kernel/loop.ts';
import {parseMountinfo, type Mount} from '../../src/kernel/mountinfo.ts';
import {skip} from '../skip.ts';
import {eventually} from './eventually.ts';
import {ExternalJournal, superblockIn} from './external-journal.ts';
import {connectionOf, fuseConnections} from './fuse/connections.ts';
import {Image} from './fuse/image.ts';
import {type Isolation, VaultProcess} from './opened-vault.ts';

const sizeBytes = 24 * 1024 * 1024;

type Mounted = {driver: string; path: string};

describe('the file system of a vault', () => {
  let image: Image;
  let vault: VaultProcess;
  let block: string;
  /** Pids of the processes that have files of the vault open: they would keep its devices past the test. */
  const holders: number[] = [];

  before(function () {
    if (process.getuid!() !== 0) skip(this, 'the tests are not run by root');
  });

  afterEach(async () => {
    for (const pid of holders.splice(0)) killIfAlive(pid);
    await vault.kill();
    image.remove();
  });

  async function attach(isolation: Isolation = 'root', sectorSizeBytes = 4096): Promise<void> {
    image = new Image({sizeBytes, sectorSizeBytes});
    vault = new VaultProcess(isolation);
    block = await vault.attach(image);
  }

  async function make(isolation?: Isolation, sectorSizeBytes?: number): Promise<void> {
    await attach(isolation, sectorSizeBytes);
    await vault.tell({do: 'mkfs', uid: 1000, gid: 1001});
  }

  const check = (imagePath = image.path): Promise<string> => vault.tell({do: 'check', imagePath});
  const mount = (driver: 'any' | 'fuse2fs' = 'any'): Promise<Mounted> => vault.tell({do: 'mount', driver});
  const unmount = (graceMs = 2000): Promise<unknown> => vault.tell({do: 'unmount', graceMs});
  const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );
  const mounts = (): Mount[] => parseMountinfo(readFileSync(`/proc/${vault.pid}/mountinfo`));
  const mountAt = (path: string): Mount | undefined => mounts().findLast(({mountPoint}) => mountPoint === path);
  const superblock = (): string => spawnSync('dumpe2fs', ['-h', block], {encoding: 'utf8'}).stdout;

  describe('that is made', () => {
    for (const sectorSizeBytes of [512, 4096]) {
      it(`belongs to its user and can be written by any ext4 of the last years, on sectors of ${sectorSizeBytes} bytes`, async () => {
        await make('root', sectorSizeBytes);
        const shown = superblock();
        expect(shown).to.match(/^Block size: +4096$/m);
        expect(shown).to.match(/^Reserved block count: +0$/m);
        expect(shown).to.match(/^Errors behavior: +Remount read-only$/m);
        const features = /^Filesystem features: +(.*)$/m.exec(shown)![1]!.split(' ').sort();
        expect(features.join(' ')).to.equal(
          'dir_index dir_nlink ext_attr extent extra_isize filetype flex_bg has_journal huge_file large_file ' +
            'resize_inode sparse_super',
        );
        const {path} = await mount();
        const {uid, gid} = statSync(vault.seen(path));
        expect([uid, gid]).to.deep.equal([1000, 1001]);
        expect(await unmount().then(() => check())).to.equal('clean');
      });
    }

    it('leaves the image every block that was allocated for it', async () => {
      image = new Image({sizeBytes});
      vault = new VaultProcess();
      const before = statSync(image.path).blocks;
      await vault.attach(image);
      await vault.tell({do: 'mkfs', uid: 0, gid: 0});
      expect(statSync(image.path).blocks).to.be.at.least(before);
    });

    it('is refused where there is no room for a journal', async () => {
      image = new Image({sizeBytes: 15 * 1024 * 1024});
      vault = new VaultProcess();
      await vault.attach(image);
      expect(await failureOf(vault.tell({do: 'mkfs', uid: 0, gid: 0}))).to.deep.include({code: 64});
    });
  });

  describe('that is checked', () => {
    it('is fixed without a question where that costs nothing', async () => {
      await make();
      // As after a crash: not marked clean, the free blocks counted wrong.
      spawnSync('debugfs', ['-w', '-R', 'ssv state 0', block]);
      spawnSync('debugfs', ['-w', '-R', 'ssv free_blocks_count 1', block]);
      expect(await check()).to.equal('mended');
      expect(await check()).to.equal('clean');
    });

    it('is not fixed where that takes decisions: the message has the command to type, for any name of the image', async () => {
      await make();
      spawnSync('debugfs', ['-w', '-R', 'ssv state 0', block]);
      // The root is a file now.
      spawnSync('debugfs', ['-w', '-R', 'sif <2> mode 0100755', block]);
      const before = readFileSync(block);
      const failure = await failureOf(check("/home/u/it's a vault.img"));
      expect(failure).to.deep.include({
        code: 65,
        next: String.raw`sudo cryptsetup open '/home/u/it'\''s a vault.img' fix && sudo e2fsck -f /dev/mapper/fix; sudo cryptsetup close fix`,
      });
      expect(readFileSync(block).length).to.equal(before.length);
    });

    it('is reported as missing where none is', async () => {
      await attach();
      const failure = await failureOf(check('/home/u/vault.img'));
      expect(failure).to.deep.include({
        code: 65,
        message: 'The vault contains no ext4 file system that can be checked.',
      });
    });

    it('cannot be mounted where none is', async () => {
      await attach();
      expect(await failureOf(mount())).to.deep.include({code: 65});
      expect(await failureOf(mount('fuse2fs'))).to.deep.include({code: 65});
      expect(readLoopDevices().filter(({backingPath}) => backingPath.startsWith(image.folder))).to.deep.equal([]);
    });
  });

  for (const [driver, isolation] of [
    ['any', 'root'],
    ['fuse2fs', 'root'],
    ['any', 'user namespace'],
  ] as const) {
    const who = driver === 'any' && isolation === 'root' ? 'the kernel' : 'fuse2fs';
    const where = isolation === 'root' ? '' : ' in a user namespace';

    describe(`that ${who} mounts${where}`, () => {
      // A user namespace of one's own has one user in it.
      const owner = isolation === 'root' ? {uid: 1000, gid: 1001} : {uid: 0, gid: 0};

      beforeEach(async () => {
        await attach(isolation);
        await vault.tell({do: 'mkfs', ...owner});
        await check();
      });

      /** A process in the namespace that has a file of the vault open. Returns how to end it. */
      async function hold(path: string): Promise<() => Promise<unknown>> {
        const {stdout} = await vault.run(`sleep 60 3>${path} >/dev/null 2>&1 & echo $!`);
        holders.push(Number(stdout));
        await eventually('the file is open', async () => (await vault.run(`test -e ${path}`)).code === 0);
        return () => vault.run(`kill -KILL ${stdout}`);
      }

      it('keeps what was written from one mount to the next', async () => {
        const first = await mount(driver);
        expect(first.driver).to.equal(who === 'the kernel' ? 'kernel' : 'fuse2fs');
        await vault.run(`mkdir ${first.path}/folder; echo secret >${first.path}/folder/file`);
        await unmount();
        expect(mountAt(first.path)).to.equal(undefined);
        expect(await check()).to.equal('clean');
        const second = await mount(driver);
        expect((await vault.run(`cat ${second.path}/folder/file`)).stdout).to.equal('secret\n');
      });

      it('honours neither set-user-ID programs nor devices', async () => {
        const {path} = await mount(driver);
        expect(mountAt(path)!.options).to.include.members(['rw', 'nosuid', 'nodev']);
      });

      it('is moved to a directory by descriptor, with its options', async () => {
        const target = `${image.folder}/target`;
        mkdirSync(target);
        const {path} = await vault.tell<Mounted>({do: 'mount', driver, moveTo: target});
        expect(path).to.equal(target);
        expect(mountAt(`${image.folder}/staging/fs`)).to.equal(undefined);
        expect(mountAt(target)!.options).to.include.members(['rw', 'nosuid', 'nodev']);
        expect((await vault.run(`ls ${target}`)).stdout).to.equal('lost+found\n');
        expect(readdirSync(target)).to.deep.equal([]);
        await unmount();
        expect(mountAt(target)).to.equal(undefined);
      });

      it('is not unmounted under a process that works in it, and waits for it when asked to', async () => {
        const {path} = await mount(driver);
        const release = await hold(`${path}/file`);
        expect(await failureOf(unmount(50))).to.deep.include({code: 75, message: 'The vault is still in use.'});
        const unmounted = unmount(10_000);
        await release();
        await unmounted;
        expect(await check()).to.equal('clean');
      });

      it('is unmounted everywhere, and its device is free right after', async () => {
        const {path} = await mount(driver);
        mkdirSync(`${image.folder}/bridge`);
        await vault.run(`mkdir ${path}/inside; mount --bind ${path}/inside ${image.folder}/bridge`);
        expect(mountAt(`${image.folder}/bridge`)!.options).to.include.members(['nosuid', 'nodev']);
        await unmount();
        expect(mountAt(`${image.folder}/bridge`)).to.equal(undefined);
        await vault.tell({do: 'detach'});
        expect(await vault.deviceEnded).to.deep.equal({ended: 'detached'});
      });

      it('is left clean, with what nobody had synced yet, when the process that opened it is killed', async () => {
        const {path} = await mount(driver);
        const server = identifyProcess(vault.serverPid)!;
        await vault.run(`echo unsynced >${path}/file`);
        await vault.kill();
        await eventually('the server has written everything', () => !isAlive(server));
        vault = new VaultProcess(isolation);
        block = await vault.attach(image);
        expect(await check()).to.equal('clean');
        const again = await mount(driver);
        expect((await vault.run(`cat ${again.path}/file`)).stdout).to.equal('unsynced\n');
      });

      it('turns to errors, not to silence, when the device is taken away', async () => {
        const {path} = await mount(driver);
        await hold(`${path}/file`);
        await vault.tell({do: 'detach'});
        expect((await vault.run(`dd if=/dev/zero of=${path}/file bs=64K count=2 conv=fsync`)).code).to.equal(1);
      });

      it('tells when the disk of the image is full', async () => {
        await vault.tell({do: 'detach'});
        const disk = `${image.folder}/disk`;
        mkdirSync(disk);
        await vault.run(
          `mount -t tmpfs -o size=12m none ${disk}; truncate -s ${statSync(image.path).size} ${disk}/image`,
        );
        await vault.attach(image, {imagePath: `${disk}/image`});
        await vault.tell({do: 'mkfs', ...owner});
        const {path} = await mount(driver);
        // Also where somebody has something open, so that the server is killed before it could end by itself.
        await hold(`${path}/held`);
        expect((await vault.run(`dd if=/dev/zero of=${path}/file bs=1M count=15 conv=fsync`)).code).to.equal(1);
        await vault.tell({do: 'detach', graceMs: 0});
        expect(await vault.deviceEnded).to.deep.include({ended: 'failed'});
      });
    });
  }

  describe('that names a device of somebody else as its journal', () => {
    let journal: ExternalJournal;
    let before: string;

    beforeEach(async () => {
      await make();
      journal = new ExternalJournal(image.folder);
      before = journal.content;
    });

    afterEach(() => journal.remove());

    /** Writes such a superblock through the engine, as the maker of the file system can. */
    async function forge(): Promise<void> {
      const start = readFileSync(block).subarray(0, 4096);
      journal.nameIn(superblockIn(start));
      writeFileSync(`${image.folder}/start`, start);
      const {code} = await vault.run(
        `dd if=${image.folder}/start of=${image.folder}/staging/block bs=4096 conv=notrunc,fsync`,
      );
      expect(code).to.equal(0);
    }

    /** The same behind the engine's back: its owner has the passphrase, and enciphers it. */
    function forgeInImage(): void {
      const plain = image.read();
      journal.nameIn(superblockIn(plain));
      image.overwrite(plain.subarray(0, 4096));
    }

    const mountByHand = (): Promise<{code: number | null}> =>
      vault.run(
        `mkdir ${image.folder}/hand && mount -o loop ${image.folder}/staging/block ${image.folder}/hand && ` +
          `umount ${image.folder}/hand`,
      );

    it('is refused by check and by each driver, and that device stays as it was; plain mount and e2fsck write to it', async () => {
      await forge();
      const refused = {code: 65, message: 'The file system in the vault keeps its journal outside of the vault.'};
      expect(await failureOf(check())).to.deep.include(refused);
      expect(await failureOf(mount())).to.deep.include(refused);
      expect(await failureOf(mount('fuse2fs'))).to.deep.include(refused);
      expect(journal.content).to.equal(before);
      expect((await mountByHand()).code).to.equal(0);
      const mounted = journal.content;
      expect(mounted).to.not.equal(before);
      await forge();
      await vault.run(`e2fsck -p ${image.folder}/staging/block`);
      expect(journal.content).to.not.equal(mounted);
    });

    for (const driver of ['any', 'fuse2fs'] as const) {
      it(`stays as it was where the image is changed between check and mount (${driver})`, async () => {
        await check();
        forgeInImage();
        const {path} = await mount(driver);
        forgeInImage();
        expect((await vault.run(`echo kept >${path}/file && sync ${path}/file`)).code).to.equal(0);
        await unmount();
        expect(journal.content).to.equal(before);
        // What was written has gone to the image, and over what was put there.
        await vault.tell({do: 'detach'});
        block = await vault.attach(image);
        expect(await check()).to.equal('clean');
        const again = await mount(driver);
        expect((await vault.run(`cat ${again.path}/file`)).stdout).to.equal('kept\n');
        await unmount();
      });
    }

    it('is found at the next opening where the image was changed behind a running server', async () => {
      forgeInImage();
      expect(await check()).to.equal('clean');
      forgeInImage();
      await vault.tell({do: 'detach'});
      block = await vault.attach(image);
      expect(await failureOf(check())).to.deep.include({code: 65});
      expect((await mountByHand()).code).to.equal(0);
      expect(journal.content).to.not.equal(before);
    });
  });

  it('leaves the blocks alone that a disk keeps for root', async () => {
    image = new Image({sizeBytes});
    vault = new VaultProcess();
    const disk = `${image.folder}/disk`;
    // A quarter of it is for root. The image has room there only as long as most of it is a hole.
    const make = `truncate -s 24M ${disk}.img && mke2fs -q -F -t ext4 -b 1024 -O ^has_journal -m 25 ${disk}.img`;
    const fill = `mkdir ${disk} && mount -o loop ${disk}.img ${disk} && truncate -s ${sizeBytes + 8192} ${disk}/image`;
    expect(await vault.run(`${make} && ${fill}`)).to.deep.include({code: 0});
    const spared = (): boolean[] => {
      const {bfree, bavail} = statfsSync(vault.seen(disk));
      return [bavail === 0, bfree > 4000];
    };
    await vault.attach(image, {imagePath: `${disk}/image`});
    const {code} = await vault.run(`dd if=/dev/zero of=${image.folder}/staging/block bs=1M conv=notrunc,fsync`);
    expect(code).to.equal(1);
    expect(spared()).to.deep.equal([true, true]);
    await vault.tell({do: 'detach'});
    // The control: the same by root's own hand.
    await vault.run(`dd if=/dev/zero of=${disk}/image bs=1M conv=notrunc,fsync count=${sizeBytes / 2 ** 20}`);
    expect(spared()).to.deep.equal([true, false]);
  });

  describe('that e2fsck cannot check', () => {
    /** Puts another program in the place of e2fsck, for the process alone. */
    async function replaceE2fsck(script: string): Promise<void> {
      writeFileSync(`${image.folder}/e2fsck`, `#!/bin/sh\n${script}\n`, {mode: 0o755});
      const {stdout} = await vault.run('command -v e2fsck');
      await vault.run(`mount --bind ${image.folder}/e2fsck ${stdout.trim()}`);
    }

    it('is not called damaged where e2fsprogs is too old for it', async () => {
      await attach();
      const features = '-O orphan_file,metadata_csum,64bit';
      await vault.run(`mke2fs -q -F -t ext4 -b 4096 ${features} ${image.folder}/staging/block`);
      expect(await check()).to.equal('clean');
      await replaceE2fsck('echo "e2fsck 1.46.2 (28-Feb-2021)" >&2; exit 8');
      expect(await failureOf(check())).to.deep.include({
        code: 69,
        message: 'The file system in the vault needs a newer e2fsprogs.',
        why: 'It is not damaged: it has orphan_file (since 1.47).',
      });
    });

    it('is checked where e2fsck has no device but this one, and no capability', async () => {
      await make();
      await replaceE2fsck(`ls /dev; grep -E '^Cap(Eff|Prm|Bnd)' /proc/self/status; exit 8`);
      const {cause} = (await failureOf(check())) as {cause: string};
      expect(cause).to.match(/^null\nrandom\nurandom\nzero\n(Cap(Prm|Eff|Bnd):\t0{16}\n){3}$/);
    });
  });

  describe('in a container whose /dev nobody keeps up to date', () => {
    /** Gives the process a /dev of its own, with nothing in it but what is named. */
    async function replaceDevices(names: readonly string[]): Promise<void> {
      const keep = names.map((name) => `mkdir -p /run/dev; cp -a /dev/${name} /run/dev/`).join('; ');
      await vault.run(`mount -t tmpfs none /run; ${keep}; mount -t tmpfs none /dev; cp -a /run/dev/* /dev/`);
    }

    beforeEach(async () => {
      await make();
      await check();
    });

    it('is mounted through a loop device whose node is missing, and no node is left', async () => {
      await replaceDevices(['fuse', 'null', 'loop-control']);
      expect(await mount()).to.deep.include({driver: 'kernel'});
      expect((await vault.run('ls /dev')).stdout).to.equal('fuse\nloop-control\nnull\n');
      await unmount();
    });

    it('is mounted by fuse2fs where there are no loop devices', async () => {
      await replaceDevices(['fuse', 'null']);
      expect(await mount()).to.deep.include({driver: 'fuse2fs'});
      await unmount();
    });
  });

  describe('on a loop device', () => {
    beforeEach(async () => {
      await make();
      await check();
    });

    it('goes past the page cache, and the loop device is one that the kernel takes away', async () => {
      const {path} = await mount();
      const {major, minor, fsType} = mountAt(path)!;
      expect([major, fsType]).to.deep.equal([7, 'ext4']);
      const loop = readLoopDevices().find(({name}) => name === `loop${minor}`)!;
      expect(loop).to.deep.include({autoclear: true, directIo: true, readOnly: false});
      await unmount();
      expect(readLoopDevices().map(({name}) => name)).to.not.include(`loop${minor}`);
    });

    it('leaves neither mount nor loop device nor connection when everything is killed', async () => {
      const {path} = await mount();
      const {minor} = mountAt(path)!;
      const connection = connectionOf(block);
      await vault.kill();
      await eventually('the loop device is gone', () => readLoopDevices().every(({name}) => name !== `loop${minor}`));
      await eventually('the connection is gone', () => !fuseConnections().includes(connection));
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).to.not.contain(image.folder);
    });
  });
});

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The test has ended it.
  }
}

import {spawnSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {join, relative} from 'node:path';
import {expect} from 'chai';
import {dmCryptEngine} from '../../../src/engines/dm-crypt/engine.ts';
import type {AttachedDevice, AttachRequest} from '../../../src/engines/engine.ts';
import {isRemovedWhenClosed, mappingsOfLuks, readMappings} from '../../../src/kernel/device-mapper.ts';
import {identifyFile} from '../../../src/kernel/file-identity.ts';
import {checkFileSystem, makeFileSystem, mountFileSystem} from '../../../src/engines/file-system.ts';
import {vetSuperblock} from '../../../src/engines/vet-superblock.ts';
import {loopDevicesOf, readLoopDevices} from '../../../src/kernel/loop.ts';
import {eventually} from '../../engines/eventually.ts';
import {ExternalJournal, superblockIn} from '../../engines/external-journal.ts';
import {findInMemory} from '../../engines/fuse/process-memory.ts';
import {share, whole} from '../../../scripts/sample.js';
import {AttachingProcess} from './attaching-process.ts';
import {LuksImage, mebibyte, passphrase} from './image.ts';
import {expectNothing, kernelHas} from './left.ts';

/** Shell code for a /dev as containers have it: without the nodes of loop devices and mappings. */
const withoutNodes = [
  'mkdir -p /run/dev',
  'cp -a /dev/null /dev/random /dev/urandom /dev/loop-control /run/dev',
  'mount -t tmpfs none /dev',
  'cp -a /run/dev/* /dev',
  'mkdir /dev/shm && mount -t tmpfs none /dev/shm;',
].join('; ');

describe('the dm-crypt engine', () => {
  let image: LuksImage;
  let device: AttachedDevice | undefined;
  const children: AttachingProcess[] = [];

  beforeEach(() => {
    image = new LuksImage();
  });

  afterEach(async () => {
    await device?.detach();
    device = undefined;
    for (const child of children.splice(0)) await child.kill();
    image.remove();
    await expectNothing(image.folder);
  });

  /** Attached, and past the moment at which its file system would be mounted. */
  async function attach(request = image.request): Promise<AttachedDevice> {
    await attachPinned(request);
    await device!.followImage();
    return device!;
  }

  async function attachPinned(request = image.request): Promise<AttachedDevice> {
    device = await dmCryptEngine.attach(request);
    return device;
  }

  const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );
  const mapping = () => mappingsOfLuks(readMappings(), image.luksUuid)[0]!;
  const sh = (script: string): {status: number | null; stdout: string; stderr: string} =>
    spawnSync('bash', ['-c', script], {encoding: 'utf8'});

  describe('that attaches an image', () => {
    it('says that it can be used here', async () => {
      expect(await dmCryptEngine.probe()).to.deep.equal({usable: true});
    });

    it('gives a block device with what cryptsetup would read, and root alone may open it', async () => {
      const {path, kind, sizeBytes} = await attach();
      expect([kind, sizeBytes]).to.deep.equal(['device', 8 * mebibyte]);
      expect(statSync(path).mode & 0o7777).to.equal(0o600);
      const written = randomBytes(8 * mebibyte);
      writeFileSync(path, written, {flag: 'r+', flush: true});
      await device!.detach();
      expect(image.readByHand().equals(written)).to.equal(true);
    });

    it('names the mapping after the LUKS UUID, so that cryptsetup and our own finder know it', async () => {
      await attach();
      const {name, uuid, readOnly, slaves} = mapping();
      expect(name).to.equal(`tazpod-${image.luksUuid}`);
      expect(uuid).to.equal(`CRYPT-LUKS2-${image.luksUuid.replaceAll('-', '')}-${name}`);
      expect([readOnly, slaves.length]).to.deep.equal([false, 1]);
      expect(sh(`cryptsetup status ${name}`).stdout)
        .to.contain('type:    LUKS2')
        .and.to.contain(image.path);
    });

    it('has one loop device on this very file, which detaches itself and goes past the page cache', async () => {
      await attach();
      const loops = await loopDevicesOf(identifyFile(image.path));
      expect(loops.map(({name}) => name)).to.deep.equal(mapping().slaves);
      expect(loops[0]).to.deep.include({autoclear: true, directIo: true, readOnly: false});
    });

    it('leaves its end to the kernel: the mapping is removed as soon as nobody has it open', async () => {
      await attach();
      expect(await isRemovedWhenClosed(mapping())).to.equal(true);
    });

    it('leaves no node below /dev/mapper, which would outlive the mapping', async () => {
      const {path} = await attach();
      expect(path).to.equal(`/dev/${mapping().device}`);
      expect(kernelHas(image.folder).filter((line) => line.startsWith('/dev/'))).to.deep.equal([]);
    });

    it('shows the key to nobody: not in a listing, not in an argument', async () => {
      await attach();
      const digits = image.volumeKey.toString('hex');
      const shown = sh('dmsetup table; dmsetup status; cat /proc/*/cmdline; cat /proc/*/environ').stdout;
      expect(shown).to.contain('crypt aes-xts-plain64 0000').and.to.not.contain(digits);
    });

    it('has forgotten the key when it has given it to the kernel', async () => {
      const child = startChild();
      await child.said;
      expect(findInMemory(child.pid, image.volumeKey)).to.equal(0);
      expect(findInMemory(child.pid, Buffer.from(image.volumeKey.toString('hex')))).to.equal(0);
    });

    for (const [name, folder] of [
      ['a tmpfs, past which no page cache is', '/dev/shm'],
      ['an overlay that only seems to be passed by', '/home'],
      ['the disk', '/scratch'],
    ] as const) {
      it(`takes an image without a name, on ${name}`, async () => {
        const path = join(folder, 'nameless');
        const nameless = openSync(path, constants.O_CREAT | constants.O_RDWR, 0o600);
        rmSync(path);
        ftruncateSync(nameless, mebibyte + 8 * mebibyte);
        await attach({...image.request, imageFd: nameless});
        writeFileSync(device!.path, randomBytes(mebibyte), {flag: 'r+', flush: true});
        await device!.detach();
        closeSync(nameless);
      });
    }

    it('takes the file that was opened, even if its name leads elsewhere by then', async () => {
      renameSync(image.path, `${image.path}.moved`);
      writeFileSync(image.path, Buffer.alloc(mebibyte + 8 * mebibyte));
      await attach();
      writeFileSync(device!.path, randomBytes(4096), {flag: 'r+', flush: true});
      expect(await loopDevicesOf(identifyFile(image.path))).to.deep.equal([]);
      expect(await loopDevicesOf(identifyFile(`${image.path}.moved`))).to.have.length(1);
      expect(readFileSync(image.path).every((byte) => byte === 0)).to.equal(true);
    });

    it('serves segments of a fixed size, with a tweak, as cryptsetup would', async () => {
      await attach({...image.request, segment: {...image.segment, sizeBytes: mebibyte, ivTweak: 8n}});
      expect(device!.sizeBytes).to.equal(mebibyte);
      expect(sh(`dmsetup table ${mapping().name}`).stdout).to.match(/^0 2048 crypt aes-xts-plain64 0+ 8 7:\d+ 2048 1 /);
    });

    it('does not let a file system punch holes into the image: its space stays allocated', async () => {
      const {path} = await attach();
      const before = statSync(image.path).blocks;
      expect(sh(`blkdiscard ${path}`).stderr).to.match(/not supported/);
      expect(statSync(image.path).blocks).to.equal(before);
    });
  });

  describe('whose superblock was vetted', function () {
    // One test attaches the image five times.
    this.timeout(240_000);
    const folder = '/mnt';

    let journal: ExternalJournal;

    beforeEach(() => {
      image.remove();
      image = new LuksImage([], {}, 24 * mebibyte);
      journal = new ExternalJournal(image.folder);
    });

    afterEach(() => journal.remove());

    /** The plaintext of the image's beginning, as plain cryptsetup reads it. */
    const inImage = (): Buffer => image.readByHand().subarray(0, 4096);

    /** Writes a superblock into the image, behind the engine's back, that names another device as its journal. */
    function forge(): void {
      const name = image.openByHand();
      const fd = openSync(`/dev/mapper/${name}`, 'r+');
      const start = Buffer.alloc(4096);
      readSync(fd, start, 0, 4096, 0);
      journal.nameIn(superblockIn(start));
      writeSync(fd, start, 0, 4096, 0);
      fsyncSync(fd);
      closeSync(fd);
      image.closeByHand(name);
    }

    /** An image with a file system, and the same image with one that names the journal. */
    async function prepare(): Promise<Buffer> {
      await attachPinned();
      await makeFileSystem(device!, {uid: 0, gid: 0});
      await device!.detach();
      const sound = readFileSync(image.path);
      forge();
      const forged = readFileSync(image.path);
      writeFileSync(image.path, sound, {flag: 'r+', flush: true});
      return forged;
    }

    it('mounts that one, even if the image changes meanwhile, and no device but its own is touched', async () => {
      const forged = await prepare();
      const before = journal.content;
      await attachPinned();
      expect(await checkFileSystem(device!, image.path)).to.equal('clean');
      writeFileSync(image.path, forged, {flag: 'r+', flush: true});
      const mounted = await mountFileSystem(device!, folder);
      // The tables have changed places: the kernel has written its own superblock over the forged one.
      expect(mapping().slaves).to.have.length(1);
      writeFileSync(`${folder}/file`, 'kept', {flush: true});
      await mounted.unmount();
      await device!.detach();
      expect(journal.content).to.equal(before);
      const start = inImage();
      expect(vetSuperblock(superblockIn(start), {deviceSizeBytes: device!.sizeBytes})).to.not.have.property('refused');
      await attachPinned();
      expect(await checkFileSystem(device!, image.path)).to.equal('clean');
      await (await mountFileSystem(device!, folder)).unmount();
      await device!.detach();

      // The control: the same without the copy.
      writeFileSync(image.path, forged, {flag: 'r+', flush: true});
      await attach();
      expect(sh(`mount -t ext4 ${device!.path} ${folder} && umount ${folder}`).status).to.equal(0);
      expect(journal.content).to.not.equal(before);
      await device!.detach();
      await attachPinned();
      expect(await failureOf(checkFileSystem(device!, image.path))).to.deep.include({code: 65});
    });

    it('has it in the image before anything is mounted: a vault that was only made can be opened', async () => {
      await attachPinned();
      await makeFileSystem(device!, {uid: 0, gid: 0});
      await device!.detach();
      expect(superblockIn(inImage()).readUInt16LE(0x38)).to.equal(0xef53);
    });

    it('leaves nothing when it is killed before it is mounted, nor the copy in memory', async () => {
      const child = startChild('', {pinned: true});
      await child.said;
      const slaves = mapping().slaves;
      expect(slaves).to.have.length(2);
      await child.kill();
      await eventually('mapping and loop devices are gone', () =>
        readLoopDevices().every(({name}) => !slaves.includes(name)),
      );
    });
  });

  describe('that is to read only', () => {
    const folder = '/mnt';

    beforeEach(() => {
      image.remove();
      image = new LuksImage([], {}, 24 * mebibyte);
    });

    it('lets nobody write the image, root neither: not through the mapping, nor the loop device below it', async () => {
      await attachPinned();
      await makeFileSystem(device!, {uid: 0, gid: 0});
      const writable = await mountFileSystem(device!, folder);
      writeFileSync(`${folder}/file`, 'kept', {flush: true});
      await writable.unmount();
      const bytes = '4096 count=1 conv=notrunc,fsync';
      // The control: on a vault that can be written, the same goes through.
      expect(sh(`dd if=${device!.path} of=${device!.path} bs=${bytes}`).status).to.equal(0);
      await device!.detach();

      const before = readFileSync(image.path);
      const imageFd = openSync(image.path, 'r');
      await attachPinned({...image.request, imageFd, readOnly: true});
      expect(await checkFileSystem(device!, image.path)).to.equal('clean');
      const mounted = await mountFileSystem(device!, folder);
      expect(readFileSync(`${folder}/file`, 'utf8')).to.equal('kept');
      expect(() => writeFileSync(`${folder}/file`, 'changed')).to.throw('EROFS');
      expect(mapping()).to.deep.include({readOnly: true});
      const [loop, ...others] = await loopDevicesOf(identifyFile(image.path));
      expect([loop!.readOnly, loop!.autoclear, others.length]).to.deep.equal([true, true, 0]);
      for (const path of [device!.path, loop!.path]) {
        const {status, stderr} = sh(`blockdev --setrw ${path}; dd if=/dev/urandom of=${path} bs=${bytes}`);
        expect(status, `${path}: ${stderr}`).to.not.equal(0);
      }
      await mounted.unmount();
      await device!.detach();
      closeSync(imageFd);
      expect(readFileSync(image.path).equals(before)).to.equal(true);
      expect(kernelHas(image.folder)).to.deep.equal([]);
    });
  });

  describe('that detaches', () => {
    it('leaves nothing, and says so', async () => {
      const {ended} = await attach();
      await device!.detach();
      expect(await ended).to.deep.equal({how: 'detached'});
      expect(kernelHas(image.folder)).to.deep.equal([]);
    });

    it('waits for a process that still uses it, as long as it is asked to', async () => {
      const {path} = await attach();
      const fd = openSync(path, 'r');
      const detached = device!.detach({graceMs: 20_000});
      expect(readSync(fd, Buffer.alloc(10), 0, 10, mebibyte)).to.equal(10);
      setTimeout(() => closeSync(fd), 300);
      await detached;
      expect(kernelHas(image.folder)).to.deep.equal([]);
    });

    it('cuts off who does not let go: errors instead of data, and key and image are free', async () => {
      const {path} = await attach();
      const fd = openSync(path, 'r+');
      writeSync(fd, randomBytes(4096), 0, 4096, 0);
      await device!.detach();
      expect(await loopDevicesOf(identifyFile(image.path))).to.deep.equal([]);
      expect(() => readSync(fd, Buffer.alloc(10), 0, 10, 2 * mebibyte)).to.throw('EIO');
      expect(() => fsyncSync(fd)).to.throw('EIO');

      const refused = await failureOf(dmCryptEngine.attach(image.request));
      expect(refused).to.deep.include({code: 75});
      expect(String(refused)).to.contain('a process still uses its old mapping');
      closeSync(fd);
      await expectNothing(image.folder);
      await attach();
    });

    it('cuts off a mounted file system', async () => {
      const {path} = await attach();
      const folder = join(image.folder, 'mounted');
      mkdirSync(folder);
      expect(sh(`mke2fs -q -t ext4 ${path} && mount ${path} ${folder} && echo x >${folder}/file`).stderr).to.equal('');
      await device!.detach();
      expect(sh(`dd if=/dev/zero of=${folder}/file bs=64K count=2 conv=fsync`).status).to.equal(1);
      expect(await loopDevicesOf(identifyFile(image.path))).to.deep.equal([]);
      sh(`umount ${folder}`);
    });
  });

  describe('where something is there already', () => {
    it('refuses a vault that is open by hand, and names the command that closes it', async () => {
      const name = image.openByHand();
      const refused = await failureOf(dmCryptEngine.attach(image.request));
      expect(refused).to.deep.include({code: 75, next: `sudo cryptsetup close ${name}`});
      image.closeByHand(name);
      await attach();
    });

    it('refuses a vault of which a copy is open, at once, and names the engine that can open both', async () => {
      const copy = join(image.folder, 'copy.img');
      copyFileSync(image.path, copy);
      const byHand = spawnSync('cryptsetup', ['open', '--key-file', '-', copy, 'copy-by-hand'], {input: passphrase});
      expect(byHand.stderr.toString()).to.equal('');
      const expectRefusal = async (request: AttachRequest): Promise<void> => {
        const startedMs = performance.now();
        expect(await failureOf(dmCryptEngine.attach(request))).to.deep.include({
          code: 75,
          message: 'A copy of this vault is open.',
          next: 'tazpod vault unlock --engine fuse',
        });
        // One that ends is waited for, so long at least.
        expect(performance.now() - startedMs).to.be.below(5000);
      };
      await expectRefusal(image.request);
      image.closeByHand('copy-by-hand');

      await attach();
      const fd = openSync(copy, 'r+');
      await expectRefusal({...image.request, imageFd: fd});
      closeSync(fd);
    });

    for (const nodes of ['there', 'missing'] as const) {
      it(`waits for one whose ghost was just killed, with the nodes of loop devices ${nodes}`, async () => {
        const killed = startChild();
        const fd = openSync(await killed.said, 'r');
        await killed.kill();
        const [loop] = mapping().slaves;
        if (nodes === 'missing') renameSync(`/dev/${loop}`, `/dev/kept-${loop}`);
        // Someone has it open for a moment longer than the ghost, as a file system does that is written out.
        setTimeout(() => closeSync(fd), 500);
        await attach().finally(() => {
          if (nodes === 'missing') renameSync(`/dev/kept-${loop}`, `/dev/${loop}`);
        });
      });
    }

    it('does not touch the mapping of another vault', async () => {
      const other = new LuksImage(['--label', 'other']);
      const name = other.openByHand('tazpod-other');
      await attach();
      await device!.detach();
      expect(readMappings().map((each) => each.name)).to.deep.equal([name]);
      other.closeByHand(name);
      other.remove();
    });

    it('attaches one image once, however many try', async () => {
      const results = await Promise.allSettled([1, 2, 3].map(() => dmCryptEngine.attach(image.request)));
      const attached = results.filter((result) => result.status === 'fulfilled');
      expect(attached.length).to.be.at.most(1);
      for (const {value} of attached) await value.detach();
    });
  });

  describe('where something is missing', () => {
    it('says which cipher the kernel may lack, and leaves nothing', async () => {
      const segment = {...image.segment, encryption: 'rot13-xts-plain64'};
      const refused = await failureOf(dmCryptEngine.attach({...image.request, segment}));
      expect(refused).to.deep.include({code: 69, why: 'It may lack the cipher rot13-xts-plain64, or a module for it.'});
      await expectNothing(image.folder);
    });

    it('refuses a segment that begins within a sector of its cipher', async () => {
      const segment = {...image.segment, ivTweak: 3n};
      expect(dmCryptEngine.refuse(segment)).to.have.property('what');
      expect(await failureOf(dmCryptEngine.attach({...image.request, segment}))).to.deep.include({code: 65});
    });

    it('works in a container whose /dev nobody keeps up to date, and leaves no node there', async () => {
      const child = startChild(withoutNodes);
      const path = await child.said;
      expect(path).to.match(/^\/proc\/\d+\/fd\/\d+$/);
      const nodes = sh(`cd /proc/${child.pid}/root/dev && find . ! -type d | sort`).stdout.trim().split('\n');
      expect(nodes).to.deep.equal(['./loop-control', './mapper/control', './null', './random', './urandom']);
      const there = `nsenter --mount=/proc/${child.pid}/ns/mnt`;
      const used = sh(`${there} mke2fs -q -F -t ext4 ${path} && ${there} e2fsck -p ${path} >/dev/null &&
        ${there} mount --internal-only -t ext4 ${path} /mnt && ${there} touch /mnt/file && ${there} umount /mnt`);
      expect(used.stderr).to.equal('');
      await child.kill();
    });

    it('is reported as unusable without root, and in a user namespace', () => {
      // A user need not be able to reach the checkout: it is run from /mnt, in a mount namespace of its own.
      const checkout = new URL('../../..', import.meta.url).pathname;
      const node = relative(checkout, process.execPath);
      const script = `const {dmCryptEngine} = await import('/mnt/src/engines/dm-crypt/engine.ts');
        console.log(JSON.stringify(await dmCryptEngine.probe()))`;
      for (const [program, ...args] of [
        ['setpriv', '--reuid=1000', '--clear-groups'],
        ['unshare', '--user', '--map-root-user'],
      ] as const) {
        const command = [program, ...args, `/mnt/${node}`, '--input-type=module', '--eval', script];
        const within = ['--mount', 'sh', '-c', 'mount --bind "$0" /mnt && exec "$@"', checkout, ...command];
        const {stdout, stderr} = spawnSync('unshare', within, {cwd: '/', encoding: 'utf8'});
        expect(stderr).to.equal('');
        expect(JSON.parse(stdout)).to.deep.include({usable: false, why: 'It needs root.'});
      }
    });
  });

  function startChild(prepare?: string, options?: {readonly pinned: boolean}): AttachingProcess {
    const child = new AttachingProcess(image, prepare, options);
    children.push(child);
    return child;
  }

  describe('whose processes are killed', () => {
    it('leaves nothing when it is killed with the vault attached', async () => {
      const child = startChild();
      await child.said;
      await child.kill();
      await expectNothing(image.folder);
    });

    it('leaves nothing when it is killed with the vault mounted, and loses nothing that was synced', async () => {
      const child = startChild();
      const path = await child.said;
      const there = `nsenter --mount=/proc/${child.pid}/ns/mnt bash -c`;
      const made = sh(
        `${there} 'mke2fs -q -t ext4 ${path} && mount ${path} /mnt && echo kept >/mnt/file && sync -f /mnt'`,
      );
      expect(made.stderr).to.equal('');
      await child.kill();
      await expectNothing(image.folder);
      await attach();
      expect(sh(`e2fsck -p ${device!.path}; debugfs -R 'cat file' ${device!.path} 2>/dev/null`).stdout).to.contain(
        'kept',
      );
    });

    /** The programs that an attachment calls, in this order. */
    const calls = [
      'losetup --find',
      'cryptsetup open',
      'dmsetup info',
      'dmsetup remove',
      'losetup --find',
      'cryptsetup open',
      'dmsetup info',
      'dmsetup remove',
      'dmsetup create',
      'dmsetup remove',
      'losetup --direct-io=on',
      'dmsetup load',
      'dmsetup resume',
      'dmsetup load',
      'dmsetup resume',
    ];
    /** Those that a holder calls, and not the ghost itself. */
    const byHolder = [2, 3, 4, 6, 7, 8, 9, 10];
    /** After which of them who is killed: those that leave something new behind, or all. */
    const killing = whole
      ? {ghost: calls.map((_, index) => index + 1), holder: byHolder, all: byHolder}
      : {ghost: share([2, 6, 9, 13], 2), holder: share([6, 9], 2), all: share([2, 6, 9], 3)};

    /** Shell code that puts a program in the place of each that is called, which kills right after the Nth call. */
    function killAfter(call: number, victim: string): string {
      const folder = join(image.folder, 'programs');
      mkdirSync(folder);
      const wrapper = `#!/bin/bash
"${folder}/real-\${0##*/}" "$@"
code=$?
echo "\${0##*/} $1" >>${folder}/calls
if [ $(wc -l <${folder}/calls) = ${call} ]; then kill -KILL ${victim}; touch ${folder}/killed; fi
exit $code
`;
      const programs = ['losetup', 'cryptsetup', 'dmsetup'];
      for (const name of programs) {
        copyFileSync(sh(`command -v ${name}`).stdout.trim(), join(folder, `real-${name}`));
        writeFileSync(join(folder, name), wrapper, {mode: 0o755});
      }
      const inPlace = programs.map((name) => `mount --bind ${folder}/${name} $(command -v ${name});`);
      return `echo $$ >${folder}/ghost; ${inPlace.join(' ')}`;
    }

    /** The shell, and what it has forked for a command substitution. */
    const holder = '$(pgrep --full "holder tazpod-")';
    const ghost = (): string => `$(cat ${image.folder}/programs/ghost)`;

    it('calls the programs that the tests below count', async () => {
      const child = startChild(killAfter(99, '0'));
      await child.said;
      expect(readFileSync(`${image.folder}/programs/calls`, 'utf8').trim().split('\n')).to.deep.equal(calls);
      await child.kill();
    });

    for (const call of killing.ghost) {
      it(`leaves nothing when the ghost is killed right after ${calls[call - 1]!} (call ${call})`, async () => {
        const child = startChild(killAfter(call, ghost()));
        await child.ended;
        await eventually('it was killed', () => existsSync(`${image.folder}/programs/killed`));
        await expectNothing(image.folder);
      });
    }

    for (const call of killing.holder) {
      it(`leaves nothing when the holder is killed right after ${calls[call - 1]!} (call ${call})`, async () => {
        const child = startChild(killAfter(call, holder));
        const said = await child.said;
        if (said.startsWith('{')) expect(JSON.parse(said)).to.deep.include({code: 69});
        else await child.kill();
        expect(existsSync(`${image.folder}/programs/killed`)).to.equal(true);
        await expectNothing(image.folder);
      });
    }

    for (const call of killing.all) {
      it(`leaves no key, and nothing that stays, when all are killed right after ${calls[call - 1]!} (call ${call})`, async () => {
        const child = startChild(killAfter(call, `${ghost()} ${holder}`));
        await child.ended;
        await eventually('it was killed', () => existsSync(`${image.folder}/programs/killed`));
        await eventually('no key is left', () =>
          readMappings().every(({name, slaves}) => name.endsWith('-scaffold') || slaves.length === 0),
        );
        await attach();
        expect(readMappings()).to.have.length(1);
      });
    }
  });
});

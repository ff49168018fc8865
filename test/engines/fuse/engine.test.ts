import {spawnSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  truncateSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import {expect} from 'chai';
import fc from 'fast-check';
import {identifyProcess, isAlive} from '../../../src/kernel/process.ts';
import {skip} from '../../skip.ts';
import {eventually} from '../eventually.ts';
import {type Isolation, VaultProcess} from '../opened-vault.ts';
import {connectionOf, fuseConnections} from './connections.ts';
import {Image} from './image.ts';
import {findInMemory} from './process-memory.ts';

for (const isolation of ['root', 'user namespace'] as const satisfies readonly Isolation[]) {
  describe(`a segment that is served through FUSE by ${isolation === 'root' ? 'root' : 'root of a user namespace'}`, () => {
    let image: Image;
    let vault: VaultProcess;

    before(function () {
      if (process.getuid!() !== 0) skip(this, 'the tests are not run by root');
    });

    beforeEach(() => {
      vault = new VaultProcess(isolation);
    });

    afterEach(async () => {
      await vault.kill();
      image.remove();
    });

    function serve(segment: ConstructorParameters<typeof Image>[0] = {}): Promise<string> {
      image = new Image(segment);
      return vault.attach(image);
    }

    it('is one regular file with the plaintext in it, for its owner alone', async () => {
      const block = await serve({sectorSizeBytes: 512, ivTweak: 3n, offsetBytes: 512 * 11});
      expect(readFileSync(block).equals(image.read())).to.equal(true);
      const {mode, size, uid} = statSync(block);
      expect([mode, size]).to.deep.equal([0o100600, image.segment.sizeBytes]);
      // The parsers' own id, where there is one: systemd leaves these to nobody.
      if (isolation === 'root') expect(uid).to.be.within(60_706, 61_183);
      else expect(uid).to.equal(0);
      const asOther = spawnSync('setpriv', ['--reuid', '65534', '--clear-groups', 'head', '-c1', block]);
      expect(asOther.status).to.not.equal(0);
    });

    it('is read and written like a plain file, at every offset, through the page cache and past it', async () => {
      const block = await serve({sectorSizeBytes: 2048, sizeBytes: 4 * 1024 * 1024});
      const model = image.read();
      const fd = openSync(block, 'r+');
      const access = fc.record({
        write: fc.boolean(),
        offset: fc.nat(model.length - 1),
        length: fc.oneof(fc.nat(600), fc.nat(20_000), fc.nat(2_500_000)),
      });
      fc.assert(
        fc.property(access, ({write, offset, length}) => {
          const end = Math.min(offset + length, model.length);
          const data = write ? randomBytes(end - offset) : Buffer.alloc(end - offset);
          if (write) writeSync(fd, data, 0, data.length, offset);
          else readSync(fd, data, 0, data.length, offset);
          if (write) data.copy(model, offset);
          else expect(data.equals(model.subarray(offset, end))).to.equal(true);
        }),
        {numRuns: 200},
      );
      fsyncSync(fd);
      closeSync(fd);
      expect(image.read().equals(model)).to.equal(true);
      const past = spawnSync('dd', [`if=${block}`, 'iflag=direct', 'bs=64K', 'status=none'], {maxBuffer: 1e9});
      expect(past.stdout.equals(model)).to.equal(true);
      expect(image.surroundingsAreWhole).to.equal(true);
    });

    it('keeps its size, its permissions and its blocks', async () => {
      const block = await serve();
      const fd = openSync(block, 'r+');
      ftruncateSync(fd, image.segment.sizeBytes);
      expect(() => ftruncateSync(fd, 4096)).to.throw('EPERM');
      expect(() => ftruncateSync(fd, image.segment.sizeBytes * 2)).to.throw('EPERM');
      expect(() => chmodSync(block, 0o644)).to.throw('EPERM');
      utimesSync(block, 1, 1);
      expect(() => writeSync(fd, Buffer.alloc(10), 0, 10, image.segment.sizeBytes)).to.throw('ENOSPC');
      closeSync(fd);
      for (const mode of ['--punch-hole', '--zero-range']) {
        const {stderr} = spawnSync('fallocate', [mode, '--offset', '0', '--length', '4096', block], {encoding: 'utf8'});
        expect(stderr).to.match(/unsupported|not supported/);
      }
      expect(readFileSync(block).equals(image.read())).to.equal(true);
    });

    it('tells an I/O error where the image was cut, and never something else than what was written', async () => {
      const block = await serve();
      truncateSync(image.path, image.segment.offsetBytes + 8192);
      const fd = openSync(block, 'r');
      expect(readSync(fd, Buffer.alloc(4096), 0, 4096, 0)).to.equal(4096);
      expect(() => readSync(fd, Buffer.alloc(4096), 0, 4096, 1024 * 64)).to.throw('EIO');
      closeSync(fd);
    });

    it('tells when the disk of the image is full, and says so again at the end', async () => {
      image = new Image({sizeBytes: 4 * 1024 * 1024});
      const disk = `${image.folder}/disk`;
      mkdirSync(disk);
      // The image has its size, and room for its first MiB only.
      await vault.run(`mount -t tmpfs -o size=1m none ${disk}; cp ${image.path} ${disk}; truncate -s 5M ${disk}/image`);
      const block = await vault.attach(image, {imagePath: `${disk}/image`});
      const fd = openSync(block, 'r+');
      expect(() => writeSync(fd, Buffer.alloc(65_536, 1), 0, 65_536, 2 * 1024 * 1024)).to.throw('ENOSPC');
      closeSync(fd);
      await vault.tell({do: 'detach'});
      expect(await vault.deviceEnded).to.deep.include({ended: 'failed'});
    });

    it('ends when it is detached, and leaves no connection', async () => {
      const connection = connectionOf(await serve());
      expect(fuseConnections()).to.include(connection);
      await vault.tell({do: 'detach'});
      expect(await vault.deviceEnded).to.deep.equal({ended: 'detached'});
      expect(fuseConnections()).to.not.include(connection);
    });

    it('ends under its user when it is detached in use', async () => {
      const block = await serve();
      const connection = connectionOf(block);
      const fd = openSync(block, 'r');
      await vault.tell({do: 'detach'});
      expect(await vault.deviceEnded).to.deep.equal({ended: 'detached'});
      expect(() => readSync(fd, Buffer.alloc(10), 0, 10, 100_000)).to.throw(/ENOTCONN|ECONNABORTED/);
      // close(2) returns that the flush failed, and the descriptor is gone all the same.
      expect(() => closeSync(fd)).to.throw(/ENOTCONN|ECONNABORTED/);
      await eventually('the connection is gone', () => !fuseConnections().includes(connection));
    });

    it('waits for its user when it is detached with a grace time', async () => {
      const block = await serve();
      const fd = openSync(block, 'r');
      const detached = vault.tell({do: 'detach', graceMs: 10_000});
      await vault.run('true');
      expect(readSync(fd, Buffer.alloc(10), 0, 10, 100_000)).to.equal(10);
      closeSync(fd);
      await detached;
      expect(await vault.deviceEnded).to.deep.equal({ended: 'detached'});
    });

    it('ends by itself when nobody uses it after a lazy unmount', async () => {
      const block = await serve();
      const fd = openSync(block, 'r');
      await vault.run(`umount --lazy ${image.folder}/staging/block`);
      expect(readSync(fd, Buffer.alloc(10), 0, 10, 100_000)).to.equal(10);
      closeSync(fd);
      expect(await vault.deviceEnded).to.deep.equal({ended: 'released'});
    });

    it('ends with errors for its users, not with silence, when its server is killed', async () => {
      const block = await serve();
      const connection = connectionOf(block);
      const fd = openSync(block, 'r');
      process.kill(vault.serverPid, 'SIGKILL');
      expect(await vault.deviceEnded).to.deep.include({ended: 'failed'});
      expect(() => readSync(fd, Buffer.alloc(10), 0, 10, 100_000)).to.throw(/ENOTCONN|ECONNABORTED/);
      expect(() => closeSync(fd)).to.throw(/ENOTCONN|ECONNABORTED/);
      await vault.tell({do: 'detach'});
      expect(fuseConnections()).to.not.include(connection);
    });

    it('is served from a process that may do nothing else', async () => {
      await serve();
      const status = readFileSync(`/proc/${vault.serverPid}/status`, 'utf8');
      const field = (name: string) => new RegExp(`^${name}:\\s*(.+)$`, 'm').exec(status)![1]!;
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) expect(field(set), set).to.match(/^0+$/);
      // It takes its own ids itself, for which it needs two capabilities until then. They cannot be taken out of the
      // bounding set afterwards, and give nothing back under no_new_privs.
      expect(field('CapBnd')).to.match(isolation === 'root' ? /^0+c0$/ : /^0+$/);
      if (isolation === 'root')
        for (const uid of field('Uid').split('\t')) expect(Number(uid)).to.be.within(60_706, 61_183);
      expect(field('NoNewPrivs')).to.equal('1');
      expect(readFileSync(`/proc/${vault.serverPid}/cmdline`, 'utf8')).to.not.contain(
        image.key.toString('hex').slice(0, 16),
      );
    });

    it('leaves no mount, no connection and no process when its process is killed', async () => {
      const before = readFileSync('/proc/self/mountinfo', 'utf8');
      const connection = connectionOf(await serve());
      const server = identifyProcess(vault.serverPid)!;
      await vault.kill();
      await eventually('the server is gone', () => !isAlive(server));
      expect(fuseConnections()).to.not.include(connection);
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).to.equal(before);
    });

    it('leaves the volume key in the memory of its server only, and there until it ends', async () => {
      const block = await serve();
      readFileSync(block);
      const server = identifyProcess(vault.serverPid)!;
      expect(findInMemory(server.pid, image.key)).to.be.greaterThan(0);
      expect(findInMemory(vault.pid, image.key)).to.equal(0);
      await vault.tell({do: 'detach'});
      expect(isAlive(server)).to.equal(false);
    });

    it('is refused with a cipher that the engine does not know, and the engine that knows it is named', async () => {
      image = new Image();
      const refused = await vault.attach(image, {encryption: 'serpent-xts-plain64'}).catch((error: unknown) => error);
      expect(refused).to.deep.include({code: 65, next: 'tazpod vault unlock --engine dm-crypt'});
    });
  });
}

import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {findProgram} from '../../src/kernel/program.ts';
import {skip} from '../skip.ts';

const source = new URL('../../src/ghost/image.ts', import.meta.url).pathname;

/** Makes an image and gives it its name, and then another one the same name; prints what is there. */
const publishTwice = `
  import {openSync, constants, readdirSync, statSync} from 'node:fs';
  import {allocateImage, publishImage} from '${source}';
  const caller = {uid: 0, gid: 0, sessionUid: 0, sessionGid: 0, groups: [], isolation: 'sealed'};
  const folder = process.argv[1];
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  const make = () => allocateImage(caller, fd, 1024 * 1024, () => {});
  const first = await make();
  await publishImage(caller, fd, first, 'vault.img');
  const {ino, size} = statSync(folder + '/vault.img');
  const second = await publishImage(caller, fd, await make(), 'vault.img').catch((error) => error.code);
  const kept = statSync(folder + '/vault.img').ino === ino;
  // FUSE keeps an unlinked file that is open.
  const there = readdirSync(folder).filter((name) => !name.startsWith('.fuse_hidden'));
  const names = there.map((name) => name.replace(/-[0-9a-f-]{36}$/, '')).sort();
  console.log(JSON.stringify({temporary: first.temporaryName !== undefined, size, second, kept, names}));`;

/**
 * Runs the script in a mount namespace with a FUSE file system, which knows no file without a name, and where wished
 * without hard links.
 */
function publish(folder: string, hardLinks: boolean): unknown {
  const script = `set -e
    truncate --size=32M "$1/disk" && mke2fs -q -F "$1/disk" && mkdir -p "$1/mnt"
    fuse2fs "$1/disk" "$1/mnt" && rmdir "$1/mnt/lost+found"
    ${hardLinks ? '' : 'mount --bind /bin/false /usr/bin/ln'}
    exec "$2" --input-type=module --eval "$3" "$1/mnt"`;
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation=private'];
  const words = ['sh', '-c', script, 'sh', folder, process.execPath, publishTwice];
  const {stdout, stderr} = spawnSync('unshare', [...namespaces, ...words], {encoding: 'utf8'});
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as unknown;
}

describe('A new image', () => {
  let folder: string;

  before(function () {
    if (process.getuid!() !== 0) skip(this, 'only root mounts a file system');
    if (findProgram('fuse2fs') === undefined) skip(this, 'fuse2fs is not installed');
  });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-image-'));
  });

  afterEach(() => rmSync(folder, {recursive: true}));

  for (const hardLinks of [true, false]) {
    it(`gets its name, and never that of another, on a file system ${hardLinks ? 'with' : 'without'} hard links`, () => {
      expect(publish(folder, hardLinks)).to.deep.equal({
        temporary: true,
        size: 1024 * 1024,
        // The second one is still there under its temporary name, which the caller discards.
        second: 73,
        kept: true,
        names: ['.vault-in-the-making', 'vault.img'],
      });
    });
  }
});

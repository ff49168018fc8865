import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {expect} from 'chai';
import {projectNode, root} from '../../../scripts/setup.js';
import {engines} from '../../../src/engines/choose.ts';
import {fuseEngine} from '../../../src/engines/fuse/engine.ts';
import {readMappings} from '../../../src/kernel/device-mapper.ts';
import {readLoopDevices} from '../../../src/kernel/loop.ts';
import {readOpenVaults} from '../../../src/kernel/open-vaults.ts';
import {fuseConnections} from '../../bed/fuse-connections.ts';
import {until} from '../../bed/until.ts';
import {whole} from '../../../scripts/sample.js';
import {sh} from './file-tree.ts';
import {LuksImage, passphrase} from './image.ts';

const diskBytes = 128 * 2 ** 20;
const sectors = diskBytes / 512;

/** What the disk under the image does: everything, nothing, or everything but writing. */
const tables = {
  whole: (loop: string) => `0 ${sectors} linear ${loop} 0`,
  gone: () => `0 ${sectors} error`,
  'not writable': (loop: string) => `0 ${sectors} flakey ${loop} 0 0 3600 1 error_writes`,
} as const;

/**
 * What runs in the session. It says what each try of its own came to: it reads back what was synced before, and writes
 * and syncs one record after the other.
 */
const worker = String.raw`
use IO::Handle; $| = 1; my $folder = "$ENV{HOME}/secrets";
sub content { my ($name) = @_; open(my $file, "<", "$folder/$name") or return "error: $!";
  binmode $file; my $got = ""; while (1) { my $count = sysread($file, $got, 65536, length $got);
    return "error: $!" unless defined $count; return $got unless $count } }
sub store { my ($name, $bytes) = @_; open(my $file, ">>", "$folder/$name") or return "error: $!";
  syswrite($file, $bytes) == length $bytes or return "error: $!"; $file->sync or return "error: $!"; return "done" }
my $kept = "kept " x 100000;
print "stored ", store("kept", $kept), "\n";
for (my $i = 1; my $order = <STDIN>; $i++) {
  my $got = content("kept");
  print "read ", $got eq $kept ? "right" : $got =~ /^error/ ? $got : "WRONG", "\n";
  print "record $i ", store("records", "record $i\n"), "\n";
}`;

/** What `vault create` makes, in a tenth of the time. */
function makeVaultByHand(): LuksImage {
  const image = new LuksImage([], {}, 31 * 2 ** 20);
  const name = image.openByHand();
  sh(`mke2fs -q -t ext4 -b 4096 -O none,has_journal,extent,filetype /dev/mapper/${name}`);
  image.closeByHand(name);
  return image;
}

describe('When the disk under an open vault fails', function () {
  this.timeout(180_000);
  let folder: string;
  let template: LuksImage;
  let passphraseFile: string;
  let loop: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-broken-'));
    mkdirSync(mountPoint());
    passphraseFile = join(folder, 'passphrase');
    writeFileSync(passphraseFile, passphrase, {mode: 0o600});
    template = makeVaultByHand();
    sh(`truncate -s ${diskBytes} ${folder}/blocks`);
    loop = sh(`losetup --find --show --direct-io=on ${folder}/blocks`).trim();
    sh(`dmsetup create disk --noudevsync --table '${tables.whole(loop)}'; dmsetup mknodes
      mke2fs -q -t ext4 /dev/mapper/disk; mount /dev/mapper/disk ${mountPoint()}`);
  });

  after(() => {
    sh(`umount ${mountPoint()}; dmsetup remove disk; losetup --detach ${loop}; rm -f /dev/mapper/disk`);
    template.remove();
    rmSync(folder, {recursive: true});
  });

  const mountPoint = (): string => join(folder, 'disk');
  const env = {...process.env, HOME: '/root'};
  const words = (command: string, image: string, ...more: readonly string[]): string[] => [
    ...[join(root, 'bin/run.js'), 'vault', command, '--image', image, '--passphrase-file', passphraseFile],
    ...more,
  ];
  const tazpod = (...args: Parameters<typeof words>) =>
    spawnSync(projectNode(), words(...args), {encoding: 'utf8', env});
  const become = (state: keyof typeof tables): string =>
    sh(`dmsetup suspend --noflush --nolockfs --noudevsync disk
      dmsetup load disk --table '${tables[state](loop)}'; dmsetup resume --noudevsync disk`);

  for (const {id: engine} of whole ? engines : [fuseEngine]) {
    describe(`with the ${engine} engine`, () => {
      const image = (): string => join(mountPoint(), `${engine}.img`);
      const stored: string[] = [];

      it('what is read is right or an error, what is synced is synced or an error, and nothing is left', async () => {
        sh(`cp ${template.path} ${image()}; sync -f ${mountPoint()}`);
        const exec = words('exec', image(), '--engine', engine, '--', 'perl', '-e', worker);
        const session = spawn(projectNode(), exec, {env, stdio: 'pipe'});
        let complaints = '';
        session.stderr.on('data', (chunk: Buffer) => (complaints += String(chunk)));
        const ended = once(session, 'close');
        const lines = createInterface({input: session.stdout})[Symbol.asyncIterator]();
        const said = async (): Promise<string> => {
          const {value} = await lines.next();
          if (value === undefined) throw new Error(`The session has ended: ${complaints}`);
          return value;
        };
        const turn = async (): Promise<{read: string; record: string}> => {
          // What was read before is not to be answered from memory.
          sh('sync -f /scratch; echo 3 >/proc/sys/vm/drop_caches');
          session.stdin.write('\n');
          const [read, record] = [await said(), await said()];
          if (record.endsWith(' done')) stored.push(record.replace(' done', ''));
          return {read, record};
        };
        expect(await said()).to.equal('stored done');
        expect(await turn()).to.deep.equal({read: 'read right', record: 'record 1 done'});

        become('not writable');
        const unwritable = [await turn(), await turn()];
        become('gone');
        const gone = [await turn(), await turn()];

        for (const {read, record} of [...unwritable, ...gone]) {
          expect(read).to.match(/^read (right|error: .+)$/);
          expect(record).to.match(/^record \d error: (Input\/output error|Read-only file system)$/);
        }
        expect(gone.map(({read}) => read)).to.include('read error: Input/output error');
        session.stdin.end();
        await ended;
        await until('nothing is left', () => left().length === 0, {seen: () => left().join('\n')});
      });

      it('it opens with all that was acknowledged when the disk is back', () => {
        sh(`umount ${mountPoint()}`);
        become('whole');
        sh(`e2fsck -fy /dev/mapper/disk >/dev/null 2>&1 || [ $? -lt 4 ]; mount /dev/mapper/disk ${mountPoint()}`);
        const show = ['sh', '-c', 'sha256sum <~/secrets/kept; cat ~/secrets/records'];
        const {status, stdout, stderr} = tazpod('exec', image(), '--engine', engine, '--', ...show);
        expect(status, stderr).to.equal(0);
        const [sum, ...records] = stdout.split('\n');
        expect(sum).to.equal(sh(`perl -e 'print "kept " x 100000' | sha256sum`).trim());
        expect(records).to.include.members(stored);
        expect(left()).to.deep.equal([]);
      });
    });
  }

  /** What the kernel has that is not of the disk. */
  function left(): string[] {
    return [
      ...readMappings().flatMap(({name}) => (name === 'disk' ? [] : [`mapping ${name}`])),
      ...readLoopDevices().flatMap(({path, backingPath}) => (path === loop ? [] : [`${path} on ${backingPath}`])),
      ...fuseConnections().map((id) => `FUSE connection ${id}`),
      ...readOpenVaults().map((vault) => `session of ${vault.image}`),
    ];
  }
});

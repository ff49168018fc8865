import {spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {closeSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync} from 'node:fs';
import {superblockAt} from '../../src/engines/superblock.ts';

const uuid = '11111111-2222-3333-4444-555555555555';

/** A block device of somebody else's that an ext4 superblock can name as its journal. */
export class ExternalJournal {
  readonly #path: string;
  readonly #loop: string;

  /** Makes the device: a loop device on a file of its own in the directory. */
  constructor(folder: string) {
    this.#path = `${folder}/of-somebody-else`;
    writeFileSync(this.#path, '');
    truncateSync(this.#path, 8 * 1024 * 1024);
    must('mke2fs', ['-q', '-F', '-b', '4096', '-O', 'journal_dev', '-U', uuid, this.#path]);
    // The kernel takes a journal that one file system uses: `s_nr_users` of its own superblock, in the second block.
    const fd = openSync(this.#path, 'r+');
    writeSync(fd, Buffer.from([0, 0, 0, 1]), 0, 4, 4096 + 0x40);
    closeSync(fd);
    this.#loop = must('losetup', ['--find', '--show', this.#path]).trim();
  }

  /** What is on it, in short. */
  get content(): string {
    must('sync', [this.#loop]);
    return createHash('sha256').update(readFileSync(this.#path)).digest('hex');
  }

  /** Changes a superblock so that it names this device, and asks for a recovery from it. */
  nameIn(superblock: Buffer): void {
    superblock.writeUInt32LE((superblock.readUInt32LE(0x60) | 0x4) >>> 0, 0x60);
    Buffer.from(uuid.replaceAll('-', ''), 'hex').copy(superblock, 0xd0);
    superblock.writeUInt32LE(0, 0xe0);
    const minor = Number(/^\/dev\/loop(\d+)$/.exec(this.#loop)![1]);
    superblock.writeUInt32LE((7 << 8) | minor, 0xe4);
  }

  remove(): void {
    must('losetup', ['--detach', this.#loop]);
  }
}

/** The superblock in the beginning of a file system, to be changed. */
export function superblockIn(start: Buffer): Buffer {
  return start.subarray(superblockAt.offsetBytes, superblockAt.offsetBytes + superblockAt.sizeBytes);
}

function must(program: string, args: readonly string[]): string {
  const {status, stdout, stderr} = spawnSync(program, args, {encoding: 'utf8'});
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

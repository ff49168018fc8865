import {
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {randomBytes, randomInt} from 'node:crypto';
import {join} from 'node:path';

/** One thing that people do with a vault. `run` does it in a folder and returns how much of `unit` it did. */
export type Workload = {
  readonly name: string;
  readonly unit: string;
  /** Starts with nothing of the vault in memory. */
  readonly cold?: boolean;
  run(folder: string): number;
};

const mebibyte = 1024 * 1024;
const largeMiB = 256;
const smallFiles = 2000;

/** In this order: each finds what those before it have made. */
export const workloads: readonly Workload[] = [
  {
    name: 'write a large file, and sync it',
    unit: 'MiB/s',
    run(folder) {
      const fd = openSync(join(folder, 'large'), 'w');
      const block = randomBytes(mebibyte);
      for (let block_ = 0; block_ < largeMiB; block_++) writeSync(fd, block);
      fsyncSync(fd);
      closeSync(fd);
      return largeMiB;
    },
  },
  {
    name: 'read a large file',
    unit: 'MiB/s',
    cold: true,
    run(folder) {
      const fd = openSync(join(folder, 'large'), 'r');
      const block = Buffer.alloc(mebibyte);
      while (readSync(fd, block) > 0);
      closeSync(fd);
      return largeMiB;
    },
  },
  {
    name: 'write 4 KiB anywhere, each synced',
    unit: 'writes/s',
    run(folder) {
      const count = 300;
      const fd = openSync(join(folder, 'large'), constants.O_WRONLY | constants.O_DSYNC);
      const block = randomBytes(4096);
      for (let write = 0; write < count; write++) {
        writeSync(fd, block, 0, block.length, randomInt((largeMiB * mebibyte) / 4096) * 4096);
      }
      closeSync(fd);
      return count;
    },
  },
  {
    name: 'unpack many small files',
    unit: 'files/s',
    run(folder) {
      for (let file = 0; file < smallFiles; file++) {
        if (file % 50 === 0) mkdirSync(join(folder, String(file / 50)));
        writeFileSync(
          join(folder, String(Math.floor(file / 50)), String(file)),
          randomBytes(1000 + ((file * 37) % 6000)),
        );
      }
      return smallFiles;
    },
  },
  {
    name: 'read many small files',
    unit: 'files/s',
    cold: true,
    run(folder) {
      let files = 0;
      for (const name of readdirSync(folder, {recursive: true, withFileTypes: true})) {
        if (!name.isFile() || name.name === 'large') continue;
        readFileSync(join(name.parentPath, name.name));
        files++;
      }
      return files;
    },
  },
  {
    name: 'save small files, each synced',
    unit: 'files/s',
    run(folder) {
      const count = 200;
      for (let file = 0; file < count; file++) {
        const fd = openSync(join(folder, `saved-${file}`), 'w');
        writeSync(fd, randomBytes(2000));
        fsyncSync(fd);
        closeSync(fd);
      }
      return count;
    },
  },
];

import {mkdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import {Failure} from '../../src/foundation/failure.ts';
import {boundedPbkdfMemoryKiB, kdfMemoryLimitKiB} from '../../src/luks/memory.ts';
import type {KernelRoots} from '../../src/kernel/kernel-file.ts';
import {machine, removeTrees} from '../kernel/kernel-tree.ts';

const mebibyte = 1024 * 1024;
/** What cryptsetup takes beside argon2's own memory, in MiB. */
const program = 16;

/** What a machine says; group files are named by their path below the mount of the hierarchy. */
type Machine = {
  readonly availableMiB: number;
  readonly addressSpace?: string;
  readonly dataSize?: string;
  /** `/proc/self/cgroup`. */
  readonly groups?: string;
  /** Root of the mount within its hierarchy, type of file system and options. */
  readonly mounts?: readonly {readonly root: string; readonly type: string; readonly options: string}[];
  readonly files?: Readonly<Record<string, string | number>>;
};

function machineWith(described: Machine): KernelRoots {
  const unlimited = 'unlimited            unlimited            bytes     ';
  const roots = machine({
    'proc/meminfo': `MemTotal:       99999999 kB\nMemFree:          100 kB\nMemAvailable:   ${described.availableMiB * 1024} kB\n`,
    'proc/self/limits':
      'Limit                     Soft Limit           Hard Limit           Units     \n' +
      `Max data size             ${described.dataSize?.padEnd(21) ?? unlimited}\n` +
      `Max stack size            8388608              unlimited            bytes     \n` +
      `Max address space         ${described.addressSpace?.padEnd(21) ?? unlimited}\n`,
    'proc/self/cgroup': described.groups ?? '0::/\n',
  });
  const group = join(roots.sys, 'group');
  mkdirSync(group, {recursive: true});
  const lines = (described.mounts ?? []).map(
    ({root, type, options}, index) =>
      `${30 + index} 24 0:${26 + index} ${root} ${group} rw - ${type} ${type} ${options}`,
  );
  writeFileSync(join(roots.proc, 'self/mountinfo'), `${lines.join('\n')}\n`);
  for (const [path, content] of Object.entries(described.files ?? {})) {
    mkdirSync(dirname(join(group, path)), {recursive: true});
    writeFileSync(join(group, path), `${content}\n`);
  }
  return roots;
}

const unified = [{root: '/', type: 'cgroup2', options: 'rw,nsdelegate'}];

describe('The memory for a key derivation', () => {
  afterEach(removeTrees);

  const limitMiB = (described: Machine): number => kdfMemoryLimitKiB(machineWith(described)) / 1024;

  it('is what is available, less what cryptsetup itself takes', () => {
    expect(limitMiB({availableMiB: 8000})).to.equal(8000 - program);
    expect(limitMiB({availableMiB: 10})).to.equal(0);
  });

  it('is what a container leaves of its limit, page cache not counted', () => {
    const files = {
      'memory.max': 512 * mebibyte,
      'memory.current': 300 * mebibyte,
      'memory.stat': `anon 1\nfile 2\ninactive_file ${100 * mebibyte}\nactive_file ${50 * mebibyte}\nslab 5`,
    };
    expect(limitMiB({availableMiB: 8000, mounts: unified, files})).to.equal(512 - 150 - program);
  });

  it('is what the tightest group above leaves', () => {
    const files = {
      'a/memory.max': 4096 * mebibyte,
      'a/memory.current': 4000 * mebibyte,
      'a/b/memory.max': 'max',
      'a/b/memory.current': 10,
      'a/b/c/memory.max': 1024 * mebibyte,
      'a/b/c/memory.current': 24 * mebibyte,
    };
    expect(limitMiB({availableMiB: 8000, groups: '0::/a/b/c\n', mounts: unified, files})).to.equal(96 - program);
  });

  it('stays below the mark from which on the kernel slows a group down', () => {
    const files = {'memory.max': 512 * mebibyte, 'memory.high': 256 * mebibyte, 'memory.current': 0};
    expect(limitMiB({availableMiB: 8000, mounts: unified, files})).to.equal(256 - program);
  });

  it('is nothing where a group is full', () => {
    const files = {'memory.max': 64 * mebibyte, 'memory.current': 70 * mebibyte};
    expect(limitMiB({availableMiB: 8000, mounts: unified, files})).to.equal(0);
  });

  it('is not limited by a group without a limit, nor by what cannot be read', () => {
    const files = {'memory.max': 'max', 'memory.high': 'max', 'memory.current': 5};
    expect(limitMiB({availableMiB: 800, mounts: unified, files})).to.equal(800 - program);
    expect(limitMiB({availableMiB: 800, groups: '0::/not/shown\n', mounts: unified})).to.equal(800 - program);
    expect(limitMiB({availableMiB: 800, groups: 'nonsense\n\n1:\n', mounts: unified})).to.equal(800 - program);
  });

  it('obeys the older hierarchy of the memory controller', () => {
    const files = {
      'memory.limit_in_bytes': '9223372036854771712',
      'memory.usage_in_bytes': 5 * mebibyte,
      'job/memory.limit_in_bytes': 1024 * mebibyte,
      'job/memory.usage_in_bytes': 600 * mebibyte,
      'job/memory.stat': `cache 1\ninactive_file 7\ntotal_inactive_file ${200 * mebibyte}\ntotal_active_file 0`,
    };
    const mounts = [{root: '/', type: 'cgroup', options: 'rw,memory'}];
    const groups = '9:name=systemd:/else\n4:cpu,memory:/job\n0::/\n';
    expect(limitMiB({availableMiB: 8000, groups, mounts, files})).to.equal(1024 - 400 - program);
  });

  it('finds its group where a container shows it as the root, under any path of the host', () => {
    const files = {'memory.max': 128 * mebibyte, 'memory.current': 0, 'sub/memory.max': 1, 'sub/memory.current': 0};
    for (const [root, path] of [
      ['/docker/0123', '/docker/0123'],
      ['/', '/'],
      ['/docker/0123', '/elsewhere/4567'],
      ['/', '/../../..'],
    ]) {
      const mounts = [{root: root!, type: 'cgroup2', options: 'rw'}];
      expect(limitMiB({availableMiB: 8000, groups: `0::${path}\n`, mounts, files}), path).to.equal(128 - program);
    }
  });

  it('does not exceed a limit on address space or data', () => {
    expect(limitMiB({availableMiB: 8000, addressSpace: String(1024 * mebibyte)})).to.equal(1024 - 64);
    expect(limitMiB({availableMiB: 8000, dataSize: String(512 * mebibyte)})).to.equal(512 - 64);
    expect(limitMiB({availableMiB: 8000, dataSize: '4096'})).to.equal(0);
  });

  it('is a positive number on this machine', () => {
    expect(kdfMemoryLimitKiB()).to.be.above(0);
  });
});

describe('The memory of a new key slot', () => {
  it('is what was asked for, while there is as much', () => {
    expect(boundedPbkdfMemoryKiB(512 * 1024, 512 * 1024)).to.equal(512 * 1024);
    expect(() => boundedPbkdfMemoryKiB(512 * 1024 + 1, 512 * 1024))
      .to.throw(Failure)
      .that.has.property('code', 69);
  });

  it('is 1 GiB, or half of what there is', () => {
    expect(boundedPbkdfMemoryKiB(undefined, 64 * mebibyte)).to.equal(mebibyte);
    expect(boundedPbkdfMemoryKiB(undefined, 512 * 1024)).to.equal(256 * 1024);
    expect(boundedPbkdfMemoryKiB(undefined, Infinity)).to.equal(mebibyte);
  });

  it('is refused where argon2id would be of no use, with the option that works', () => {
    expect(() => boundedPbkdfMemoryKiB(undefined, 63 * 1024))
      .to.throw(Failure)
      .that.includes({code: 69, next: 'tazpod vault create --pbkdf pbkdf2'});
  });
});

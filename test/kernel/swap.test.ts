import {mkdtempSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {majorOf, minorOf} from '../../src/kernel/file-identity.ts';
import {parseSwaps, readSwaps} from '../../src/kernel/swap.ts';
import {machine, removeTrees} from './kernel-tree.ts';

const header = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n';

describe('the swap areas', () => {
  after(removeTrees);

  it('are read from their table, sizes in bytes and names without escapes', () => {
    const table = `${header}/dev/dm-1                               partition\t999420\t\t256\t\t-2\n/swap\\040file\\040(deleted)  file  1024 0 -3\n`;
    expect(parseSwaps(Buffer.from(table))).to.deep.equal([
      {path: '/dev/dm-1', type: 'partition', sizeBytes: 999420 * 1024, usedBytes: 256 * 1024},
      {path: '/swap file (deleted)', type: 'file', sizeBytes: 1024 * 1024, usedBytes: 0},
    ]);
    expect(parseSwaps(Buffer.from(header))).to.deep.equal([]);
  });

  it('keep their pages in memory, encrypted or plain by what lies below them', () => {
    const names = ['zram0', 'zram1', 'dm-0', 'dm-1', 'dm-2', 'sda2', 'gone'];
    const roots = machine({
      'proc/swaps': header + names.map((name) => `/dev/${name} partition 1024 0 -2\n`).join(''),
      'sys/class/block/zram0/dev': '253:0\n',
      'sys/class/block/zram0/backing_dev': 'none\n',
      'sys/class/block/zram1/dev': '253:1\n',
      'sys/class/block/zram1/backing_dev': '/dev/sda2\n',
      'sys/class/block/dm-0/dev': '254:0\n',
      'sys/class/block/dm-0/dm/uuid': 'CRYPT-PLAIN-swap\n',
      // A logical volume on LUKS, and one half of which is not.
      'sys/class/block/dm-1/dev': '254:1\n',
      'sys/class/block/dm-1/dm/uuid': 'LVM-abc\n',
      'sys/class/block/dm-1/slaves/dm-0/dev': '254:0\n',
      'sys/class/block/dm-2/dev': '254:2\n',
      'sys/class/block/dm-2/dm/uuid': 'LVM-def\n',
      'sys/class/block/dm-2/slaves/dm-0/dev': '254:0\n',
      'sys/class/block/dm-2/slaves/sda2/dev': '8:2\n',
      'sys/class/block/sda2/dev': '8:2\n',
    });
    expect(readSwaps(roots).map(({path, keeps}) => [path, keeps])).to.deep.equal([
      ['/dev/zram0', 'memory'],
      ['/dev/zram1', 'plain'],
      ['/dev/dm-0', 'encrypted'],
      ['/dev/dm-1', 'encrypted'],
      ['/dev/dm-2', 'plain'],
      ['/dev/sda2', 'plain'],
      ['/dev/gone', 'unknown'],
    ]);
  });

  it('in a file are as safe as the device of their file system', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tazpod-swap-'));
    const file = join(folder, 'swap');
    writeFileSync(file, '');
    const {dev} = statSync(file, {bigint: true});
    const device = `sys/dev/block/${majorOf(dev)}:${minorOf(dev)}`;
    const swaps = {'proc/swaps': `${header}${file} file 1024 0 -2\n/missing/swap file 1024 0 -3\n`};
    const crypt = machine({
      ...swaps,
      [device]: '→../../devices/virtual/block/dm-0',
      'sys/class/block/dm-0/dev': '1:1\n',
      'sys/class/block/dm-0/dm/uuid': 'CRYPT-LUKS2-abc-root\n',
    });
    try {
      expect(readSwaps(crypt).map(({keeps}) => keeps)).to.deep.equal(['encrypted', 'unknown']);
      expect(readSwaps(machine(swaps)).map(({keeps}) => keeps)).to.deep.equal(['unknown', 'unknown']);
    } finally {
      rmSync(folder, {recursive: true});
    }
  });
});

import {mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {deviceNumber, identifyFile} from '../../src/kernel/file-identity.ts';
import {hasLoopControl, loopDevicesOf, parseLosetup, readLoopDevices} from '../../src/kernel/loop.ts';
import {skip} from '../skip.ts';
import {commandOutput} from './command-output.ts';
import {machine, removeTrees} from './kernel-tree.ts';

describe('loop devices in sysfs', () => {
  after(removeTrees);

  it('are those that have a backing file', () => {
    const roots = machine({
      'sys/block/loop0/ro': '0\n',
      'sys/block/loop10/loop/backing_file': '/a (deleted)\n',
      'sys/block/loop10/loop/autoclear': '1\n',
      'sys/block/loop10/loop/dio': '1\n',
      'sys/block/loop10/loop/offset': '1048576\n',
      'sys/block/loop10/loop/sizelimit': '4096\n',
      'sys/block/loop10/ro': '1\n',
      'sys/block/loop9/loop/backing_file': '/with space\n',
      'sys/block/sda/ro': '0\n',
    });
    expect(readLoopDevices(roots)).to.deep.equal([
      {
        name: 'loop9',
        path: `${roots.dev}/loop9`,
        backingPath: '/with space',
        autoclear: false,
        directIo: false,
        readOnly: false,
        offsetBytes: 0,
        sizeLimitBytes: 0,
      },
      {
        name: 'loop10',
        path: `${roots.dev}/loop10`,
        backingPath: '/a (deleted)',
        autoclear: true,
        directIo: true,
        readOnly: true,
        offsetBytes: 1048576,
        sizeLimitBytes: 4096,
      },
    ]);
  });
});

describe('the list of losetup', () => {
  it('gives the device and inode number of each backing file', () => {
    // Recorded with util-linux 2.38.1, which pads its last column.
    const table =
      '/dev/loop0 2 \\x20\\x20\\x20\\x20\\x20\\x20\\x200:30\\x20\n/dev/loop12 18446744073709551615 259:66304\n';
    expect(parseLosetup(table)).to.deep.equal(
      new Map([
        ['loop0', {dev: deviceNumber(0, 30), ino: 2n}],
        ['loop12', {dev: deviceNumber(259, 66304), ino: 18446744073709551615n}],
      ]),
    );
  });

  it('gives nothing of a device that it was not allowed to ask', () => {
    expect(parseLosetup('/dev/loop0  \n\n')).to.deep.equal(new Map());
  });
});

describe('the loop device of a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-loop-'));
  const image = join(folder, 'the image');
  let device: string | undefined;

  before(function () {
    if (process.getuid!() !== 0) skip(this, 'only root makes loop devices');
    if (!hasLoopControl()) skip(this, 'the kernel has no loop devices');
    writeFileSync(image, Buffer.alloc(1024 * 1024));
    writeFileSync(join(folder, 'other'), Buffer.alloc(1024 * 1024));
    device = commandOutput('losetup', '--find', '--show', '--offset', '4096', image);
  });
  after(() => {
    if (device !== undefined) commandOutput('losetup', '--detach', device);
    rmSync(folder, {recursive: true});
  });

  it('is found by the file and not by its name', async () => {
    const identity = identifyFile(image);
    const [found, ...more] = await loopDevicesOf(identity);
    expect(more).to.deep.equal([]);
    expect(found).to.include({path: device, autoclear: false, readOnly: false, offsetBytes: 4096, backingPath: image});

    renameSync(image, `${image} moved`);
    writeFileSync(image, 'another file under the old name');
    expect((await loopDevicesOf(identity)).map(({path}) => path)).to.deep.equal([device]);
    expect(await loopDevicesOf(identifyFile(image))).to.deep.equal([]);

    unlinkSync(`${image} moved`);
    expect((await loopDevicesOf(identity)).map(({path}) => path)).to.deep.equal([device]);
  });

  it('is not found for a file that has none', async () => {
    expect(await loopDevicesOf(identifyFile(join(folder, 'other')))).to.deep.equal([]);
  });
});

import {expect} from 'chai';
import fc from 'fast-check';
import {mountsAt, parseMountinfo, readMounts} from '../../src/kernel/mountinfo.ts';
import {commandOutput} from './command-output.ts';

/** Recorded on Debian 12 in a container, on Linux 6.1 and 6.18, with a few mounts made by hand. */
const recorded = Buffer.from(
  [
    '22 27 0:21 / /proc rw,relatime shared:13 - proc proc rw',
    '27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard,errors=remount-ro',
    '61 27 7:0 / /home/u/secrets rw,nosuid,nodev,relatime - ext4 /dev/loop0 rw',
    '62 27 0:40 /old//deleted /mnt/with\\040space\\134and\\011tab\\012newline ro master:1 - tmpfs no\\040name rw,size=4k',
    '63 27 0:41 / /mnt/slave rw master:3 propagate_from:2 - overlay overlay rw,lowerdir=/a\\054b:/c,upperdir=/u',
    '64 27 0:42 / /mnt/unbindable rw unbindable shared:7 - fuse.fuse2fs /dev/fuse rw,user_id=0',
  ].join('\n') + '\n',
);

describe('the table of mounts', () => {
  it('is read field by field', () => {
    const [proc] = parseMountinfo(recorded);
    expect(proc).to.deep.equal({
      id: 22,
      parentId: 27,
      major: 0,
      minor: 21,
      root: '/',
      mountPoint: '/proc',
      mountPointBytes: Buffer.from('/proc'),
      options: ['rw', 'relatime'],
      propagation: {shared: 13, unbindable: false},
      fsType: 'proc',
      source: 'proc',
      superOptions: ['rw'],
    });
  });

  it('gives paths and sources without the escapes of the kernel', () => {
    const mount = parseMountinfo(recorded)[3]!;
    expect(mount.mountPoint).to.equal('/mnt/with space\\and\ttab\nnewline');
    expect(mount.source).to.equal('no name');
    expect(mount.root).to.equal('/old//deleted');
  });

  it('splits options at their commas and not at an escaped one inside', () => {
    const overlay = parseMountinfo(recorded)[4]!;
    expect(overlay.superOptions).to.deep.equal(['rw', 'lowerdir=/a,b:/c', 'upperdir=/u']);
  });

  it('tells shared, slave, unbindable and private mounts apart', () => {
    const propagation = parseMountinfo(recorded).map((mount) => mount.propagation);
    expect(propagation.slice(2)).to.deep.equal([
      {unbindable: false},
      {master: 1, unbindable: false},
      {master: 3, propagateFrom: 2, unbindable: false},
      {shared: 7, unbindable: true},
    ]);
  });

  it('keeps a mount point that is not UTF-8 byte for byte', () => {
    const name = Buffer.from([0x2f, 0xff, 0xfe, 0x20]);
    const line = Buffer.concat([
      Buffer.from('5 1 0:1 / /'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('\\040 rw - a b rw\n'),
    ]);
    const mounts = parseMountinfo(line);
    expect(mounts[0]!.mountPointBytes.equals(name)).to.equal(true);
    expect(mountsAt(mounts, name)).to.have.length(1);
    expect(mountsAt(mounts, mounts[0]!.mountPoint)).to.have.length(0);
  });

  it('survives file systems that show no options, and malformed lines', () => {
    const mounts = parseMountinfo(
      Buffer.from('5 1 0:1 / /a rw - a b \n\nrubbish\n5 1 0 / /a rw - a b rw\n6 1 0:1 / /b rw - a b\n'),
    );
    expect(mounts.map(({mountPoint, superOptions}) => [mountPoint, superOptions])).to.deep.equal([
      ['/a', []],
      ['/b', []],
    ]);
  });

  it('never throws on any bytes, and never finds a mount twice at one path', () => {
    const piece = fc.constantFrom('1', '2', '3', ' ', ' - ', '\n', '/', '/a', '0:1', 'rw', 'shared:1', '\\040', 'é');
    const text = fc.array(piece, {maxLength: 80}).map((pieces) => Buffer.from(pieces.join('')));
    const lines = fc
      .array(fc.tuple(fc.nat(4), fc.nat(4), fc.constantFrom('/', '/a', '/a/b')), {maxLength: 8})
      .map((mounts) =>
        Buffer.from(mounts.map(([id, parent, path]) => `${id} ${parent} 0:1 / ${path} rw - t s rw\n`).join('')),
      );
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), text, lines), fc.constantFrom('/', '/a', '/a/b', ''), (bytes, path) => {
        const mounts = parseMountinfo(Buffer.from(bytes));
        const found = mountsAt(mounts, path);
        expect(new Set(found).size).to.equal(found.length);
        expect(found).to.have.members(mounts.filter((mount) => mount.mountPoint === path));
      }),
    );
  });

  it('is the one that the kernel shows of this process', () => {
    const mounts = readMounts('self');
    const root = mountsAt(mounts, '/').at(-1)!;
    const seen = commandOutput('findmnt', '--noheadings', '--output', 'FSTYPE,MAJ:MIN', '--raw', '/');
    expect(`${root.fsType} ${root.major}:${root.minor}`).to.equal(seen);
    expect(mountsAt(mounts, '/proc').at(-1)).to.include({fsType: 'proc'});
  });

  it('of a process that is not there is an error', () => {
    expect(() => readMounts(2 ** 22 + 1)).to.throw('ENOENT');
  });
});

describe('the mounts at a path', () => {
  const mounts = (lines: string): ReturnType<typeof parseMountinfo> => parseMountinfo(Buffer.from(lines));
  const ids = (found: {id: number}[]): number[] => found.map(({id}) => id);

  it('end with the one on top of the stack, in any order of the table', () => {
    const table = mounts(`9 8 0:9 / /a rw - t top rw
8 7 0:8 / /a rw - t middle rw
7 1 0:7 / /a rw - t bottom rw
1 0 0:1 / / rw - t root rw
`);
    expect(ids(mountsAt(table, '/a'))).to.deep.equal([7, 8, 9]);
  });

  it('put a mount that lies buried under one of a parent directory before the one that is seen', () => {
    const table = mounts(`1 0 0:1 / / rw - t root rw
4 3 0:4 / /a/b rw - t seen rw
2 1 0:2 / /a/b rw - t buried rw
3 1 0:3 / /a rw - t over rw
`);
    expect(ids(mountsAt(table, '/a/b'))).to.deep.equal([2, 4]);
  });

  it('are found for a process whose root is no mount', () => {
    const table = mounts('30 29 0:1 / /proc rw - proc proc rw\n31 30 0:2 / /proc rw - tmpfs over rw\n');
    expect(ids(mountsAt(table, '/proc'))).to.deep.equal([30, 31]);
  });

  it('are an empty list where only a longer or shorter path is one', () => {
    const table = mounts('1 0 0:1 / / rw - t r rw\n2 1 0:2 / /a/b rw - t s rw\n');
    expect(mountsAt(table, '/a')).to.deep.equal([]);
    expect(mountsAt(table, '/a/b/c')).to.deep.equal([]);
    expect(ids(mountsAt(table, '/'))).to.deep.equal([1]);
  });
});

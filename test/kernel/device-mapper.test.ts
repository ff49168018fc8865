import {expect} from 'chai';
import fc from 'fast-check';
import {
  hasDeviceMapper,
  luksMappingUuid,
  mappingsOfLuks,
  parseDeferredRemove,
  parseMappingInfo,
  readMapping,
  readMappings,
} from '../../src/kernel/device-mapper.ts';
import {machine, removeTrees} from './kernel-tree.ts';

const luksUuid = 'f1594c38-71c1-46b9-84c5-b3cb88d3805f';

/** Recorded on Debian's Linux 6.1 with cryptsetup 2.6.1 and dmsetup 1.02.185, after `cryptsetup close --deferred`. */
const recordedSysfs = {
  'sys/block/dm-0/dm/name': 'taz-test\n',
  'sys/block/dm-0/dm/uuid': 'CRYPT-LUKS2-f1594c3871c146b984c5b3cb88d3805f-taz-test\n',
  'sys/block/dm-0/dm/suspended': '0\n',
  'sys/block/dm-0/dev': '254:0\n',
  'sys/block/dm-0/ro': '0\n',
  'sys/block/dm-0/slaves/loop0/dev': '7:0\n',
};
const recordedReport = `Name:              taz-test
State:             ACTIVE (DEFERRED REMOVE)
Read Ahead:        256
Tables present:    LIVE
Open count:        1
Event number:      0
Major, minor:      254, 0
Number of targets: 1
UUID: CRYPT-LUKS2-f1594c3871c146b984c5b3cb88d3805f-taz-test

`;

describe('device-mapper', () => {
  after(removeTrees);

  it('is there when any of the three places where the kernel names it does', () => {
    // Recorded on Debian's Linux 6.1 (the first two) and on a kernel without it.
    expect(hasDeviceMapper(machine({'proc/misc': '236 device-mapper\n234 btrfs-control\n'}))).to.equal(true);
    expect(hasDeviceMapper(machine({'proc/devices': 'Block devices:\n  7 loop\n254 device-mapper\n'}))).to.equal(true);
    expect(hasDeviceMapper(machine({'sys/class/misc/device-mapper/dev': '10:236\n'}))).to.equal(true);
    expect(hasDeviceMapper(machine({'proc/misc': '229 fuse\n', 'proc/devices': '  7 loop\n253 zram\n'}))).to.equal(
      false,
    );
    expect(hasDeviceMapper(machine({}))).to.equal(false);
  });

  it('shows its mappings in sysfs to everyone', () => {
    expect(
      readMappings(machine({...recordedSysfs, 'sys/block/sda/dev': '8:0\n', 'sys/block/dm-1/ro': '0\n'})),
    ).to.deep.equal([
      {
        name: 'taz-test',
        uuid: 'CRYPT-LUKS2-f1594c3871c146b984c5b3cb88d3805f-taz-test',
        device: 'dm-0',
        major: 254,
        minor: 0,
        suspended: false,
        readOnly: false,
        slaves: ['loop0'],
      },
    ]);
    expect(readMapping('dm-7', machine(recordedSysfs))).to.equal(undefined);
  });

  it('finds the mapping of a vault by its LUKS UUID, and no other', () => {
    const uuids = [
      luksMappingUuid(luksUuid, 'taz-test'),
      luksMappingUuid(luksUuid, 'second'),
      luksMappingUuid(luksUuid.replace('f', 'e'), 'taz-test'),
      `CRYPT-LUKS1-${luksUuid.replaceAll('-', '')}-old`,
      `CRYPT-LUKS2-${luksUuid.replaceAll('-', '')}`,
      `LVM-${luksUuid}`,
      '',
    ];
    const found = mappingsOfLuks(
      uuids.map((uuid) => ({uuid})),
      luksUuid,
    );
    expect(found.map(({uuid}) => uuid)).to.deep.equal(uuids.slice(0, 2));
    expect(mappingsOfLuks(readMappings(machine(recordedSysfs)), luksUuid.toUpperCase())).to.have.length(1);
  });
});

describe('the columns of dmsetup', () => {
  it('are read row by row', () => {
    const table =
      'taz-test|CRYPT-LUKS2-f1594c3871c146b984c5b3cb88d3805f-taz-test|254|0|1|L--w\nodd\\x20name\\x7c||253|12|0|LIsr\n';
    expect(parseMappingInfo(table)).to.deep.equal([
      {
        name: 'taz-test',
        uuid: 'CRYPT-LUKS2-f1594c3871c146b984c5b3cb88d3805f-taz-test',
        major: 254,
        minor: 0,
        openCount: 1,
        live: true,
        suspended: false,
        readOnly: false,
      },
      {name: 'odd name|', uuid: '', major: 253, minor: 12, openCount: 0, live: true, suspended: true, readOnly: true},
    ]);
  });

  it('of a machine without mappings are an empty list', () => {
    expect(parseMappingInfo('No devices found\n')).to.deep.equal([]);
  });

  it('give every name back that libdevmapper mangled', () => {
    const white = /[A-Za-z0-9#+\-.:=@_]/;
    fc.assert(
      fc.property(fc.string({unit: 'binary', minLength: 1, maxLength: 30}), (name) => {
        const mangled = [...Buffer.from(name)]
          .map((byte) =>
            white.test(String.fromCharCode(byte))
              ? String.fromCharCode(byte)
              : `\\x${byte.toString(16).padStart(2, '0')}`,
          )
          .join('');
        expect(parseMappingInfo(`${mangled}||1|2|0|L--w\n`)[0]!.name).to.equal(Buffer.from(name).toString());
      }),
    );
  });
});

describe('the report of dmsetup on one mapping', () => {
  it('says whether the kernel removes it at its last close', () => {
    expect(parseDeferredRemove(recordedReport)).to.equal(true);
    expect(parseDeferredRemove(recordedReport.replace(' (DEFERRED REMOVE)', ''))).to.equal(false);
    expect(parseDeferredRemove(recordedReport.replace('ACTIVE', 'SUSPENDED (READ-ONLY)'))).to.equal(true);
  });

  it('says nothing of a mapping that is not there', () => {
    expect(parseDeferredRemove('Device does not exist.\n')).to.equal(undefined);
  });
});

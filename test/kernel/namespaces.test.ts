import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {writeFileSync} from 'node:fs';
import {expect} from 'chai';
import fc from 'fast-check';
import {
  explainRefusal,
  identityMap,
  isInitialUserNamespace,
  isMapped,
  parseIdMap,
  probeUserNamespace,
  readIdMap,
  readUserNamespaceSettings,
} from '../../src/kernel/namespaces.ts';
import {skip} from '../skip.ts';
import {machine, removeTrees} from './kernel-tree.ts';

describe('the map of a user namespace', () => {
  const recorded = '         0       1000          1\n         1     100000      65536\n';

  it('is read line by line', () => {
    expect(parseIdMap(recorded)).to.deep.equal([
      {inside: 0, outside: 1000, count: 1},
      {inside: 1, outside: 100000, count: 65536},
    ]);
    expect(parseIdMap('')).to.deep.equal([]);
  });

  it('gives a child every id of its parent under the same number, and no other', () => {
    expect(identityMap(parseIdMap(recorded))).to.equal('0 0 1\n1 1 65536\n');
    expect(identityMap(parseIdMap('         0          0 4294967295\n'))).to.equal('0 0 4294967295\n');
    const range = fc.record({inside: fc.nat(), outside: fc.nat(), count: fc.integer({min: 1, max: 4294967295})});
    fc.assert(
      fc.property(fc.array(range), fc.nat(), (own, id) => {
        const child = parseIdMap(identityMap(own));
        expect(isMapped(child, id)).to.equal(isMapped(own, id));
        for (const {inside, outside} of child) expect(inside).to.equal(outside);
      }),
    );
  });

  it('knows the first and the last id of a range and none beside it', () => {
    const map = [{inside: 5, outside: 0, count: 2}];
    expect([4, 5, 6, 7].map((id) => isMapped(map, id))).to.deep.equal([false, true, true, false]);
  });

  it('is taken by the kernel as it is written, and keeps every id', async function () {
    if (process.getuid!() !== 0) skip(this, 'only root maps more than its own id');
    const child = spawn(
      'unshare',
      ['--user', 'sh', '-c', 'echo ready; read -r go; cat /proc/self/uid_map /proc/self/gid_map'],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    await once(child.stdout, 'data');
    writeFileSync(`/proc/${child.pid}/uid_map`, identityMap(readIdMap('uid')));
    writeFileSync(`/proc/${child.pid}/gid_map`, identityMap(readIdMap('gid')));
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stdin.end('go\n');
    await once(child, 'close');
    const counts = (map: {inside: number; count: number}[]): number[][] =>
      map.map(({inside, count}) => [inside, count]);
    expect(counts(parseIdMap(output))).to.deep.equal(counts([...readIdMap('uid'), ...readIdMap('gid')]));
  });
});

describe('the namespaces of this process', () => {
  after(removeTrees);

  it('are the first of the machine by their number, and not by their map', () => {
    const map = '         0          0 4294967295\n';
    const first = machine({
      'proc/self/ns/user': '→user:[4026531837]',
      'proc/self/uid_map': map,
    });
    const sealed = machine({
      'proc/self/ns/user': '→user:[4026532290]',
      'proc/self/uid_map': map,
    });
    expect([first, sealed].map(isInitialUserNamespace)).to.deep.equal([true, false]);
    expect(isInitialUserNamespace(machine({}))).to.equal(undefined);
  });
});

describe('a user namespace without privileges', () => {
  after(removeTrees);

  const allowed = {supported: true, max: 96365, unprivilegedClone: true, appArmorRestricts: false};

  it('is forbidden by one of the kernel settings, which is named', () => {
    expect(explainRefusal({...allowed, supported: false})).to.equal('unsupported');
    expect(explainRefusal({...allowed, max: 0})).to.equal('max_user_namespaces');
    expect(explainRefusal({...allowed, unprivilegedClone: false})).to.equal('unprivileged_userns_clone');
    expect(explainRefusal({...allowed, appArmorRestricts: true})).to.equal('apparmor');
    expect(explainRefusal(allowed)).to.equal('unknown');
  });

  it('depends on settings that not every kernel has', () => {
    const ubuntu = machine({
      'proc/self/uid_map': '0 0 1\n',
      'proc/sys/user/max_user_namespaces': '127\n',
      'proc/sys/kernel/unprivileged_userns_clone': '1\n',
      'proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n',
    });
    expect(readUserNamespaceSettings(ubuntu)).to.deep.equal({
      supported: true,
      max: 127,
      unprivilegedClone: true,
      appArmorRestricts: true,
    });
    expect(readUserNamespaceSettings(machine({}))).to.deep.equal({
      supported: false,
      max: undefined,
      unprivilegedClone: undefined,
      appArmorRestricts: undefined,
    });
  });

  it('is tried out, with the verdict that the kernel gives', async () => {
    const control = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true']);
    expect(await probeUserNamespace()).to.equal(
      control.status === 0 ? 'allowed' : explainRefusal(readUserNamespaceSettings()),
    );
  });
});

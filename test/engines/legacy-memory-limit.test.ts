import {expect} from 'chai';
import {hasLegacyMemoryLimit} from '../../src/engines/legacy-memory-limit.ts';
import type {KernelRoots} from '../../src/kernel/kernel-file.ts';
import {machine, removeTrees} from '../kernel/kernel-tree.ts';

describe('the memory limit under which a server could wait for itself', () => {
  afterEach(removeTrees);

  /** A machine that shows its hierarchy of control groups at `sys/memory`. */
  function groups(
    group: string,
    mount: {root: string; fsType: string; options: string},
    stat: Record<string, string>,
  ): KernelRoots {
    const files: [string, string][] = Object.entries(stat).map(([path, limit]) => [
      `sys/memory${path}/memory.stat`,
      `cache 0\nhierarchical_memory_limit ${limit}\n`,
    ]);
    const roots = machine({...Object.fromEntries(files), 'proc/self/cgroup': group, 'proc/self/mountinfo': ''});
    const line = `30 20 0:30 ${mount.root} ${roots.sys}/memory rw - ${mount.fsType} none ${mount.options}\n`;
    return {...machine({'proc/self/cgroup': group, 'proc/self/mountinfo': line}), sys: roots.sys};
  }

  const v1 = {root: '/', fsType: 'cgroup', options: 'rw,memory'};
  const unlimited = '9223372036854771712';

  it('is one of a control group of the first version', () => {
    expect(hasLegacyMemoryLimit(groups('9:memory:/x\n', v1, {'/x': '188743680'}))).to.equal(true);
    expect(hasLegacyMemoryLimit(groups('4:cpu,memory:/x\n', v1, {'/x': '188743680'}))).to.equal(true);
  });

  it('is found in a container, which sees its own group as the root', () => {
    const inContainer = {...v1, root: '/docker/1234'};
    expect(hasLegacyMemoryLimit(groups('9:memory:/docker/1234\n', inContainer, {'': '188743680'}))).to.equal(true);
    expect(hasLegacyMemoryLimit(groups('9:memory:/docker/1234/y\n', inContainer, {'/y': '188743680'}))).to.equal(true);
  });

  it('is not one where there is no limit', () => {
    expect(hasLegacyMemoryLimit(groups('9:memory:/\n', v1, {'': unlimited}))).to.equal(false);
    expect(hasLegacyMemoryLimit(groups('9:memory:/x\n', v1, {'': '1000', '/x': unlimited}))).to.equal(false);
  });

  it('is not one of the second version, nor of another resource', () => {
    const v2 = {root: '/', fsType: 'cgroup2', options: 'rw'};
    expect(hasLegacyMemoryLimit(groups('0::/x\n', v2, {'/x': '188743680'}))).to.equal(false);
    expect(hasLegacyMemoryLimit(groups('5:cpu:/x\n', {...v1, options: 'rw,cpu'}, {'/x': '1'}))).to.equal(false);
  });
});

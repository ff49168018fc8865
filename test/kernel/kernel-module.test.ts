import {expect} from 'chai';
import {findKernelModule} from '../../src/kernel/kernel-module.ts';
import {machine, removeTrees} from './kernel-tree.ts';

describe('a kernel module', () => {
  after(removeTrees);

  it('is compiled in, on disk, or not there at all', () => {
    const {sys} = machine({
      'sys/modules.builtin': 'kernel/fs/ext4/ext4.ko\nkernel/drivers/block/loop.ko\n',
      'sys/modules.dep':
        'kernel/drivers/md/dm-mod.ko.xz: kernel/drivers/dax/dax.ko.xz\nkernel/fs/fuse/fuse.ko:\nkernel/drivers/md/dm-crypt.ko.zst: kernel/drivers/md/dm-mod.ko.zst\n',
    });
    expect(findKernelModule('ext4', sys)).to.equal('builtin');
    expect(findKernelModule('dm_mod', sys)).to.equal('loadable');
    expect(findKernelModule('dm-crypt', sys)).to.equal('loadable');
    expect(findKernelModule('fuse', sys)).to.equal('loadable');
    expect(findKernelModule('dax', sys)).to.equal(undefined);
    expect(findKernelModule('use', sys)).to.equal(undefined);
    expect(findKernelModule('ext4', `${sys}/missing`)).to.equal(undefined);
  });
});

import {expect} from 'chai';
import {
  listKernelFolder,
  readKernelFile,
  readKernelLink,
  readKernelNumber,
  readKernelText,
} from '../../src/kernel/kernel-file.ts';
import {machine, removeTrees} from './kernel-tree.ts';

describe('a file of procfs or sysfs', () => {
  after(removeTrees);

  it('is read without the newline at its end', () => {
    const {proc} = machine({'proc/text': 'two\nlines\n', 'proc/number': '42\n', 'proc/none': 'many\n'});
    expect(readKernelText(`${proc}/text`)).to.equal('two\nlines');
    expect(readKernelNumber(`${proc}/number`)).to.equal(42);
    expect(readKernelNumber(`${proc}/none`)).to.equal(undefined);
  });

  it('that is not there reads as undefined, and a directory as empty', () => {
    const {proc} = machine({'proc/file': ''});
    for (const path of [`${proc}/missing`, `${proc}/file/below`]) {
      expect(readKernelFile(path)).to.equal(undefined);
      expect(readKernelText(path)).to.equal(undefined);
      expect(readKernelNumber(path)).to.equal(undefined);
      expect(readKernelLink(path)).to.equal(undefined);
      expect(listKernelFolder(path)).to.deep.equal([]);
    }
  });

  it('that cannot be read for a reason of its own is an error', () => {
    const {proc} = machine({});
    expect(() => readKernelFile(proc)).to.throw('EISDIR');
  });
});

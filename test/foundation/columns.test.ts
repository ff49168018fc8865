import {expect} from 'chai';
import {columns} from '../../src/foundation/columns.ts';

describe('Columns', () => {
  it('are as wide as their widest cells, with two spaces between them and none at the end of a line', () => {
    expect(
      columns([
        ['a', 'bbb', 'c'],
        ['aaaa', 'b'],
        ['', 'b', ''],
      ]),
    ).to.deep.equal(['a     bbb  c', 'aaaa  b', '      b']);
  });

  it('of nothing are no lines', () => {
    expect(columns([])).to.deep.equal([]);
  });
});

import {expect} from 'chai';
import {isObject} from '../../src/foundation/shape.ts';

describe('A value out of JSON', () => {
  it('is an object if it is neither a list, null nor something simple', () => {
    expect(
      ['{}', '{"a":1}', '[]', 'null', '"{}"', '1', 'true'].map((text) => isObject(JSON.parse(text))),
    ).to.deep.equal([true, true, ...Array.from({length: 5}, () => false)]);
  });
});

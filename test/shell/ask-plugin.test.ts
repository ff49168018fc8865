import {isAbsolute} from 'node:path';
import {expect} from 'chai';
import {askPlugin, isOneLine} from '../../src/shell/ask-plugin.ts';
import {failureOf} from '../failure-of.ts';

const plugin = {name: 'tazpod-odd', version: '1.2.3', root: '/x', type: 'user'};

describe('A plugin that is asked for a text', () => {
  it('is believed when it gives one', () => {
    expect(askPlugin(plugin, 'startUpFile', () => '/home/dev/.bashrc', isAbsolute)).to.equal('/home/dev/.bashrc');
  });

  it('is named when it throws, and nothing of what it throws is shown', async () => {
    const failure = await failureOf(() =>
      askPlugin(plugin, 'renderSnippet', () => {
        throw new Error('a secret');
      }),
    );
    expect(failure.code).to.equal(69);
    expect(failure.message).to.equal('The plugin tazpod-odd 1.2.3 cannot be used.');
    expect(failure.why).to.equal('Its renderSnippet threw an error.');
  });

  it('is named when it gives something else', async () => {
    const answers: [unknown, (text: string) => boolean][] = [
      [undefined, () => true],
      [Promise.resolve('x'), () => true],
      ['.bashrc', isAbsolute],
      ['one\ntwo', isOneLine],
      ['', isOneLine],
      ['a\0b', isOneLine],
    ];
    for (const [answer, isRight] of answers) {
      const {why} = await failureOf(() => askPlugin(plugin, 'x', () => answer, isRight));
      expect(why, JSON.stringify(answer)).to.equal('Its x did not return what it must return.');
    }
  });
});

import {expect} from 'chai';
import {needsRoot} from '../bed/owner.ts';
import {share} from '../../scripts/sample.js';
import {AskedUser, type Interruption, interruptions, prompts} from './prompts.ts';

describe('At a prompt', () => {
  let user: AskedUser;

  before(async function () {
    needsRoot(this);
    user = await AskedUser.make();
  });

  after(() => user.close());

  for (const [place, interruption] of (Object.keys(interruptions) as Interruption[]).entries()) {
    it(`${interruption} ends everything: nothing is left, and the terminal is as it was`, async () => {
      const wrong: string[] = [];
      for (const prompt of share(prompts, 3, place)) {
        const found = await user.interrupt(prompt, interruption);
        wrong.push(...found.map((what) => `asked for ${prompt.name}: ${what}`));
      }
      expect(wrong).to.deep.equal([]);
    });
  }
});

import {expect} from 'chai';
import {installOfModules} from '../bed/install.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {writeAs} from '../bed/ownership.ts';
import {atPrompt, openTerminal, type TestTerminal} from '../bed/terminal.ts';
import type {BedUser} from '../bed/user.ts';

/** Asks as TazPod's commands do, and says what came of it. */
const program = (kind: 'ask' | 'secret', prompt: string) => {
  return `
import {ask} from '${prompt}/ask.js';
import {askSecret} from '${prompt}/ask-secret.js';
const answer = ${kind === 'ask' ? 'ask' : 'askSecret'}('Question?');
answer.then(
  (typed) => console.log('answer ' + typed.length),
  (error) => { console.log(error.name); process.exit(error.exitCode); },
);
`;
};

describe('A question on the terminal', () => {
  let owner: BedUser;
  let terminal: TestTerminal;

  before(async function () {
    needsRoot(this);
    owner = makeOwner();
    const prompt = `${installOfModules().folder}/dist/cli/prompt`;
    for (const kind of ['ask', 'secret'] as const) writeAs(owner, `${owner.home}/${kind}.mjs`, program(kind, prompt));
    terminal = await openTerminal(owner);
  });

  after(() => terminal.close());

  async function begin(kind: 'ask' | 'secret'): Promise<void> {
    terminal.clear();
    await terminal.shows(atPrompt);
    terminal.enter(`node ${kind}.mjs; echo "code=$?"`);
    await terminal.shows(/^Question\? ?$/m);
  }

  for (const kind of ['ask', 'secret'] as const) {
    for (const [key, code] of [
      ['C-c', 130],
      ['C-d', 130],
      ['C-\\', 131],
    ] as const) {
      it(`"${kind}" ends with ${code} at ${key}, and with no other word`, async () => {
        await begin(kind);
        if (key !== 'C-d') terminal.type('half an answer');
        terminal.press(key);
        // What the shell says of a job that a key has ended stays away too: bash would not get to the next command.
        await terminal.shows(new RegExp(`^Cancelled$[^]*^code=${code}$`, 'm'));
        expect(terminal.screen()).not.to.match(/error|bug|at .*:\d+/i);
      });
    }

    it(`"${kind}" asks again after Ctrl-Z and "fg", and takes the answer`, async () => {
      terminal.clear();
      await terminal.shows(atPrompt);
      terminal.enter(`node ${kind}.mjs`);
      await terminal.shows(/^Question\? ?$/m);
      terminal.type('forgotten');
      terminal.press('C-z');
      await terminal.shows(/Stopped[^]*^outside> ?$/m);
      // The shell has its terminal back: what is typed there is shown.
      terminal.enter('echo "shown"; stty -a | grep -o -- "-*echo "');
      await terminal.shows(/^shown$[^]*^echo ?$/m);
      terminal.enter('fg');
      await terminal.shows(/^node .*\n+Question\? ?$/m);
      terminal.enter('typed');
      await terminal.shows(/^answer 5$/m);
      if (kind === 'secret') expect(terminal.screen(true)).not.to.match(/forgotten|typed/);
    });
  }

  it('that asks for a secret shows none of it, even if the job stops or ends', async () => {
    terminal.clear();
    await terminal.shows(atPrompt);
    terminal.enter('node secret.mjs');
    for (let round = 0; round < 5; round++) {
      await terminal.shows(/Question\? ?$/m);
      terminal.type(`hidden-${round}`);
      terminal.press('C-z');
      await terminal.shows(/^outside> ?$/m);
      terminal.clear();
      await terminal.shows(atPrompt);
      terminal.enter('fg');
    }
    await terminal.shows(/Question\? ?$/m);
    terminal.enter('hidden-at-last');
    await terminal.shows(/^answer 14$/m);
    expect(terminal.screen(true)).not.to.match(/hidden/);
  });
});

import {expect} from 'chai';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {faultOf} from '../../scripts/prose/phrases.ts';
import {sourceTexts} from '../../scripts/prose/source-texts.ts';

const source = `
import {a} from 'two words';
/** Why it is so. */
export class Unlock {
  static override summary = 'Shown by the help page';
  static override flags = {size: Flags.string({description: 'shown by the help page'})};
}
// A comment of
// two lines.
throw new Failure(exitCode.noInput, \`No vault at \${image}.\`, {
  ...(isSealed ? {why: 'It is sealed.'} : {}),
  next: \`tazpod vault \${known ? 'unlock' : 'create'}\`,
});
throw failure('unavailable', 'The server is ' + state + '.', {why});
throw refuse(path, {why: printable(reason), next: 'tazpod status'});
warn(\`\${one} of \${list.map((each) => each.name).join(', ')} failed.\`);
it('opens a vault', () => run('word', \`if [ -e "$1" ]; then exit; fi\`));
`;

describe('The texts of a source file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tazpod-prose-'));
  const path = join(directory, 'source.ts');
  writeFileSync(path, source);
  const texts = sourceTexts(path);
  after(() => rmSync(directory, {recursive: true}));

  it('has every failure with its reason, its next command and placeholders for its values', () => {
    expect(texts.failures.map(({line: _line, ...failure}) => failure)).to.deep.equal([
      {
        code: 'noInput',
        what: 'No vault at {image}.',
        why: ['It is sealed.'],
        next: ['tazpod vault (unlock | create)'],
      },
      {code: 'unavailable', what: 'The server is {state}.', why: ['{why}'], next: []},
      {code: '', what: '{path}', why: ['{reason}'], next: ['tazpod status']},
    ]);
  });

  it('has the other sentences, and neither imports, help texts nor the code of a shell', () => {
    expect(texts.others).to.deep.equal([{line: 16, text: '{one} of {list} failed.'}]);
  });

  it('has the comments and the titles of tests, with their lines', () => {
    expect(texts.comments.map(({text}) => text)).to.deep.equal(['Why it is so.', 'A comment of', 'two lines.']);
    expect(texts.titles).to.deep.equal([{line: 17, text: 'opens a vault'}]);
  });
});

describe('The phrases that docs/STYLE.md forbids', () => {
  for (const text of [
    'Whoever locks it, waits.',
    'The ghost is told to end.',
    'There is none.',
    'It is not needed any more.',
    'The folder is gone.',
    'a remark for the user',
    'The same once more: ',
  ]) {
    it(`are found in: ${text}`, () => expect(faultOf(text, 'src/vault/open.ts')).not.to.equal(undefined));
  }

  it('are not found in plain sentences, nor where a backend has the word for itself', () => {
    expect(faultOf('TazPod never overwrites a file, and lists those that already exist.', 'README.md')).to.equal(
      undefined,
    );
    expect(faultOf('The folder /api does not exist.', 'plugins/tazpod-infisical/src/refusal.ts')).to.equal(undefined);
  });
});

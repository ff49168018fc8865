import {expect} from 'chai';
import fc from 'fast-check';
import {withBlock, withoutBlock} from '../../src/shell/marked-block.ts';

const line = "if [ -r '/x' ]; then . '/x'; fi";
const block = `# >>> tazpod >>>\n${line}\n# <<< tazpod <<<\n`;

/** Any bytes, as one character each. */
const anyFile = fc.uint8Array({maxLength: 200}).map((bytes) => Buffer.from(bytes).toString('latin1'));
const anyLines = fc
  .array(fc.constantFrom('alias a=b\n', '# comment\n', '\n', '\r\n', '\u00ff\n', 'no end'))
  .map((all) => all.join(''));

describe('The marked block in a start-up file', () => {
  it('leaves everything else byte for byte, and taken out, the file as it was', () => {
    fc.assert(
      fc.property(fc.oneof(anyFile, anyLines), (content) => {
        const installed = withBlock(content, line).content!;
        expect(installed.startsWith(content)).to.equal(true);
        expect(withoutBlock(installed, line).content).to.equal(content);
      }),
    );
  });

  it('is there once, however often it is put in', () => {
    fc.assert(
      fc.property(anyLines, (content) => {
        const once = withBlock(content, line).content!;
        expect(withBlock(once, line)).to.deep.equal({content: once});
      }),
    );
  });

  it('stays where it is when its line changes, and so does what was written behind it', () => {
    const installed = withBlock('before\n', 'old').content!;
    const changed = withBlock(`${installed}after`, line).content!;
    expect(changed).to.equal(`before\n${block}after`);
    expect(withoutBlock(changed, line).content).to.equal('before\nafter');
  });

  it('makes a file, which goes with it, unless somebody has written into it', () => {
    const made = withBlock(undefined, line).content!;
    expect(withoutBlock(made, line)).to.deep.equal({content: undefined});
    expect(withoutBlock(`${made}mine\n`, line)).to.deep.equal({content: 'mine\n'});
    expect(withBlock('', line).content).to.equal(block);
    expect(withoutBlock(block, line).content).to.equal('');
  });

  it('ends a last line without an end, says that this is odd, and takes the end away again', () => {
    const {content, odd} = withBlock('before', line);
    expect(odd).to.equal('its last line does not end with a newline');
    expect(withoutBlock(content!, line).content).to.equal('before');
    expect(withoutBlock(`${content!}after\n`, line).content).to.equal('before\nafter\n');
  });

  const damaged: Readonly<Record<string, [string, string]>> = {
    'without an end': [`a\n# >>> tazpod >>>\n${line}\nb\n`, 'a\nb\n'],
    'without a beginning': [`a\n${line}\n# <<< tazpod <<<\nb\n`, 'a\nb\n'],
    twice: [`${block}a\n${block}`, 'a\n'],
    'with somebody’s lines in it': [`# >>> tazpod >>>\n${line}\nmine\n# <<< tazpod <<<\n`, 'mine\n'],
    'upside down': [`# <<< tazpod <<<\na\n# >>> tazpod >>>\n`, 'a\n'],
  };
  for (const [name, [content, rest]] of Object.entries(damaged)) {
    it(`${name} is written again at the end, and nothing of anybody else is lost`, () => {
      const odd = 'the marks of TazPod are damaged';
      expect(withBlock(content, line)).to.deep.equal({content: `${rest}${block}`, odd});
      expect(withoutBlock(content, line)).to.deep.equal({content: rest, odd});
    });
  }
});

import {spawnSync} from 'node:child_process';
import {chmodSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import fc from 'fast-check';
import {z} from 'zod';
import {parseYaml, readYamlFile} from '../../src/config/yaml-file.ts';
import {Failure} from '../../src/foundation/failure.ts';
import {failureOf} from '../failure-of.ts';

const schema = z.strictObject({
  image: z.string().min(1).optional(),
  engine: z.enum(['dm-crypt', 'fuse']).optional(),
  count: z.int().min(1).max(5).optional(),
  secrets: z
    .array(z.strictObject({name: z.string(), file: z.string().optional(), env: z.string().optional()}))
    .optional(),
  backends: z
    .record(z.string(), z.looseObject({use: z.string({error: 'must name a backend.'}).regex(/^\w+$/)}))
    .optional(),
  login: z.union([z.string(), z.strictObject({user: z.string(), tries: z.number().optional()})]).optional(),
});

const parse = (text: string) => parseYaml(text, 'x.yaml', schema);
const faultsOf = async (text: string) => {
  const {code, message, why} = await failureOf(() => parse(text));
  expect(code).to.equal(78);
  return [message, ...(why?.split('\n  ') ?? [])];
};

describe('A YAML file', () => {
  it('gives its value, and where each key stands', () => {
    const file = parse('# a comment\nimage: a.img\nsecrets:\n  - name: TOKEN\n    env: TOKEN\n  - {name: "KEY"}\n');
    expect(file.value).to.deep.equal({image: 'a.img', secrets: [{name: 'TOKEN', env: 'TOKEN'}, {name: 'KEY'}]});
    expect(file.position(['image'])).to.deep.equal({line: 2, column: 1});
    expect(file.position(['secrets', 0, 'env'])).to.deep.equal({line: 5, column: 5});
    expect(file.position(['secrets', 1])).to.deep.equal({line: 6, column: 5});
    expect(file.position(['secrets', 1, 'name'])).to.deep.equal({line: 6, column: 6});
    expect(file.position(['secrets', 7, 'name'])).to.deep.equal({line: 3, column: 1});
  });

  it('makes failures of what only its reader can tell, at the place of the key', () => {
    const file = parse('secrets:\n  - name: A\n  - name: A\n');
    expect(file.failure(['secrets', 1, 'name'], 'appears twice.', 'choose another').toJSON()).to.deep.equal({
      code: 78,
      what: 'x.yaml:3:5: secrets[1].name appears twice.',
      next: 'choose another',
    });
  });

  it('is an empty mapping when it is empty', () => {
    for (const text of ['', '\n', '# nothing\n', '---\n', '\ufeff']) expect(parse(text).value).to.deep.equal({});
  });

  const faults: readonly (readonly [string, string, ...string[]])[] = [
    ['an unknown key, with the nearest known one', 'imgae: a\n', 'x.yaml:1:1: imgae is unknown; did you mean "image"?'],
    [
      'an unknown key in a list, with the nearest known one there',
      'secrets:\n  - name: A\n    evn: B\n',
      'x.yaml:3:5: secrets[0].evn is unknown; did you mean "env"?',
    ],
    [
      'an unknown key that is like none, with those that are known',
      'login:\n  password: x\n  user: me\n',
      'x.yaml:2:3: login.password is unknown; known keys: user, tries.',
    ],
    ['a missing key, at what it is missing in', 'secrets:\n  - env: B\n', 'x.yaml:2:5: secrets[0].name is missing.'],
    ['a value of another type', 'secrets: {}\n', 'x.yaml:1:10: secrets must be a list.'],
    [
      'a number where a text is meant',
      'image: 1.0\n',
      'x.yaml:1:8: image must be a string: put it in quotation marks.',
    ],
    [
      'a word that is none of those that are known',
      'engine: dm_crypt\n',
      'x.yaml:1:9: engine must be one of "dm-crypt", "fuse"; did you mean "dm-crypt"?',
    ],
    ['a number that is too large', 'count: 6\n', 'x.yaml:1:8: count must be at most 5.'],
    ['a key without a value', 'image:\n', 'x.yaml:1:7: image must be a string.'],
    ['an empty text', 'image: ""\n', 'x.yaml:1:8: image is empty.'],
    [
      'what the schema says in its own words',
      'backends:\n  a b: {use: 7}\n',
      'x.yaml:2:14: backends["a b"].use must name a backend.',
    ],
    ['a key that appears twice', 'image: a\nimage: b\n', 'x.yaml:2:1: The key "image" appears twice.'],
    ['an alias', 'image: &a x\nengine: *a\n', 'x.yaml:2:9: Aliases are not supported here: write out the value.'],
    ['a tag', 'image: !!js/function x\n', 'x.yaml:1:8: Unresolved tag: tag:yaml.org,2002:js/function.'],
    ['a second document', 'image: a\n---\nimage: b\n', 'x.yaml:2:1: A second document begins here.'],
    ['a text instead of keys', 'hello\n', 'x.yaml:1:1: The file must be a mapping of keys to values.'],
    [
      'every fault at once, from top to bottom',
      'count: 9\nimgae: a\nsecrets: [{}]\n',
      'x.yaml:1:8: count must be at most 5.',
      'x.yaml:2:1: imgae is unknown; did you mean "image"?',
      'x.yaml:3:11: secrets[0].name is missing.',
    ],
  ];

  for (const [fault, text, ...sentences] of faults) {
    it(`is refused for ${fault}`, async () => {
      expect(await faultsOf(text)).to.deep.equal(sentences);
    });
  }

  it('is refused where it is no YAML, with the place', async () => {
    expect((await faultsOf('image: "a\n'))[0]).to.match(/^x\.yaml:\d:\d+: Missing closing "quote\.$/);
    expect((await faultsOf('\timage: a\n'))[0]).to.match(/^x\.yaml:1:\d+: /);
  });

  it('never has its values repeated in a message: one may be a secret in the wrong place', async () => {
    const texts = [
      'image: [hunter2]',
      'engine: hunter2',
      'count: hunter2',
      'secrets: hunter2',
      'backends: {a: hunter2}',
    ];
    for (const text of [...texts, 'login: {user: [hunter2]}', 'hunter2']) {
      expect((await faultsOf(text)).join('\n')).not.to.include('hunter2');
    }
  });

  it('paints nothing on the terminal with a name of its own choice', async () => {
    const [sentence] = await faultsOf('"\\u001b[2Jx": a\n');
    expect(sentence).to.include('["\\\\u{1b}[2Jx"] is unknown');
  });

  it('ends in a value or a Failure (78) in a short time with any content', function () {
    // What would take a time that grows with the square of the size takes minutes.
    this.timeout(45_000);
    const bombs = [
      '['.repeat(30_000),
      '- '.repeat(20_000),
      '{a: '.repeat(20_000),
      Array.from({length: 40_000}, (_, index) => `k${index}: 1\n`).join(''),
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
        .split('')
        .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]!}`).join(',')}]\n`)
        .join('')}`,
    ];
    for (const text of bombs)
      expect(() => parse(text))
        .to.throw(Failure)
        .with.property('code', 78);
    const piece = fc.constantFrom(
      'a',
      ': ',
      '- ',
      '\n',
      '  ',
      '"',
      "'",
      '[',
      ']',
      '{',
      '}',
      '&x ',
      '*x',
      '!',
      '|',
      '? ',
      '#',
      '\t',
      '__proto__',
      '<<',
      '%',
      '@',
      '\u0000',
      '\r',
    );
    fc.assert(
      fc.property(fc.array(piece, {maxLength: 30}), (pieces) => {
        try {
          parse(pieces.join(''));
        } catch (error) {
          expect(error).to.be.instanceOf(Failure).with.property('code', 78);
        }
      }),
      {numRuns: 200},
    );
  });

  describe('on the disk', () => {
    let folder: string;
    const path = () => join(folder, 'x.yaml');

    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'tazpod-yaml-'));
    });

    afterEach(() => rmSync(folder, {recursive: true}));

    it('is undefined if it does not exist', () => {
      expect(readYamlFile(path(), schema)).to.equal(undefined);
      expect(readYamlFile(join(path(), 'below'), schema)).to.equal(undefined);
    });

    it('has its whole path in its faults', async () => {
      writeFileSync(path(), 'imgae: a\n');
      expect(await failureOf(() => readYamlFile(path(), schema))).to.have.property(
        'message',
        `${path()}:1:1: imgae is unknown; did you mean "image"?`,
      );
    });

    it('is refused when it is no file, too large, or not UTF-8, and is never waited for', async () => {
      const refusal = async (at = path()) => (await failureOf(() => readYamlFile(at, schema))).why;
      expect(await refusal(folder)).to.equal('It is not a regular file.');
      spawnSync('mkfifo', [path()]);
      expect(await refusal()).to.equal('It is not a regular file.');
      rmSync(path());
      writeFileSync(path(), Buffer.from([0x61, 0xff, 0xfe]));
      expect(await refusal()).to.equal('It is not UTF-8.');
      writeFileSync(path(), '#'.repeat(300 * 1024));
      expect(await refusal()).to.equal('It is larger than 256 KiB.');
    });

    it('is refused when it may not be read', async function () {
      if (process.getuid!() === 0) process.seteuid!(65534);
      try {
        const own = mkdtempSync(join(tmpdir(), 'tazpod-yaml-'));
        writeFileSync(join(own, 'x.yaml'), 'image: a\n');
        chmodSync(join(own, 'x.yaml'), 0);
        expect((await failureOf(() => readYamlFile(join(own, 'x.yaml'), schema))).why).to.equal(
          'You do not have permission to read it.',
        );
        rmSync(own, {recursive: true});
      } finally {
        if (process.getuid!() === 0) process.seteuid!(0);
      }
    });
  });
});

import {expect} from 'chai';
import fc from 'fast-check';
import {parsePlan} from '../../../src/ghost/plan/read-plan.ts';
import {exitCode} from '../../../src/foundation/exit-code.ts';
import {Failure} from '../../../src/foundation/failure.ts';
import {
  adoptPlan,
  anyPlan,
  enterPlan,
  faultsOf,
  type Json,
  keysPlans,
  lockPlan,
  openPlan,
  readOnlyPlan,
} from './plans.ts';

const bytesOf = (plan: Json) => Buffer.from(JSON.stringify(plan));

/** What the ghost says of bytes that are no plan: a name of its own for the place, and nothing else. */
const refusal = /^The plan is malformed at `[a-zA-Z]+(\.[a-zA-Z]+)*`\.$/;

/** The plan that it was read as, or undefined where it was refused as it is to be. */
function read(bytes: Buffer): unknown {
  try {
    return parsePlan(bytes);
  } catch (error) {
    expect(error).to.be.instanceOf(Failure);
    const {code, message, why, next, cause} = error as Failure;
    expect(code).to.equal(exitCode.data);
    expect(message).to.match(refusal);
    expect([why, next, cause]).to.deep.equal([
      'The two halves of TazPod are of different versions, or the plan was not written by TazPod.',
      'tazpod doctor',
      undefined,
    ]);
    return undefined;
  }
}

describe('A plan', () => {
  it('is read as it was written', () => {
    for (const plan of [openPlan, adoptPlan, readOnlyPlan, lockPlan, enterPlan, ...Object.values(keysPlans)]) {
      expect(read(bytesOf(plan))).to.deep.equal(plan);
    }
    fc.assert(
      fc.property(anyPlan(), (plan) => {
        expect(read(bytesOf(plan))).to.deep.equal(plan);
      }),
    );
  });

  const kinds = {
    open: openPlan,
    adopt: adoptPlan,
    'open read-only': readOnlyPlan,
    lock: lockPlan,
    enter: enterPlan,
    ...keysPlans,
  };
  for (const [kind, plan] of Object.entries(kinds)) {
    it(`to ${kind} is refused with any of its fields missing, of another type, beyond its bounds, or with one more`, () => {
      const faults = faultsOf(plan);
      expect(faults.length).to.be.greaterThan(kind === 'open' ? 300 : 30);
      const accepted = faults.filter((faulty) => read(bytesOf(faulty.plan)) !== undefined).map(({name}) => name);
      // A recovery key is made, and gets a name of its own: see below.
      const mayLack = kind === 'add a key' ? ['change.newKey is missing', 'change.name is missing'] : [];
      expect(accepted).to.have.members(mayLack);
    });
  }

  it('to add a key may leave out the key, which is made, and its name', () => {
    const {newKey: _newKey, name: _name, ...change} = keysPlans['add a key'].change;
    const plan = {...keysPlans['add a key'], change};
    expect(read(bytesOf(plan))).to.deep.equal(plan);
  });

  it('that adopts a vault starts no session and makes no image', () => {
    expect(read(bytesOf({...adoptPlan, session: openPlan.session}))).to.equal(undefined);
    expect(read(bytesOf({...adoptPlan, create: openPlan.create}))).to.equal(undefined);
  });

  it('that changes nothing makes no image and adopts none', () => {
    expect(read(bytesOf({...readOnlyPlan, create: openPlan.create}))).to.equal(undefined);
    expect(read(bytesOf({...adoptPlan, readOnly: true}))).to.equal(undefined);
  });

  const text = JSON.stringify(openPlan);
  const malformed: Readonly<Record<string, string | Buffer>> = {
    nothing: '',
    'a zero byte': '\0',
    'not JSON': '{"version": 1,',
    'a number': '1',
    'a list of plans': `[${text}]`,
    null: 'null',
    'two plans': `${text}${text}`,
    'one key twice': text.replace('{', '{"image":"/etc/shadow",'),
    'one key twice, spelled in two ways': text.replace('{', String.raw`{"im\u0061ge":"/etc/shadow",`),
    'one key twice in a session': text.replace('"session":{', '"session":{"ownTerminal":false,'),
    'a key that is a prototype': text.replace('{', '{"__proto__":{"image":"/etc/shadow"},'),
    'a byte order mark': `\ufeff${text}`,
    'UTF-16': Buffer.from(text, 'utf16le'),
    'a path with a broken character': Buffer.concat([
      Buffer.from('{"image":"/home/'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from(`",${text.slice(1)}`),
    ]),
    'lists in lists': `{"version":1,"bridges":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    'a string without an end': `{"version":1,"image":"${'\\'.repeat(100_001)}`,
    'a number without an end': `{"version":${'9'.repeat(1_000_000)}}`,
  };
  for (const [what, content] of Object.entries(malformed)) {
    it(`that is ${what} is refused`, () => {
      expect(read(Buffer.from(content))).to.equal(undefined);
    });
  }

  it('with a million bridges is refused as soon as it is read', () => {
    const bridges = Array.from({length: 1_000_000}, () => '{"home":"a","vault":"b"}').join(',');
    const bytes = Buffer.from(text.replace(/"bridges":\[.*?\]/, `"bridges":[${bridges}]`));
    const before = process.cpuUsage();
    expect(read(bytes)).to.equal(undefined);
    // Of the processor, so that a busy machine changes nothing.
    expect(process.cpuUsage(before).user / 1e6).to.be.lessThan(15);
  });

  it('whose bytes are changed is refused without a word of them, or read as what it then says', () => {
    const hostile = fc
      .tuple(
        anyPlan(),
        fc.array(fc.tuple(fc.nat(), fc.uint8Array({maxLength: 8}), fc.nat({max: 8})), {minLength: 1, maxLength: 3}),
      )
      .map(([plan, changes]) => {
        let bytes = bytesOf(plan);
        for (const [at, inserted, dropped] of changes) {
          const place = at % (bytes.length + 1);
          bytes = Buffer.concat([bytes.subarray(0, place), inserted, bytes.subarray(place + dropped)]);
        }
        return bytes;
      });
    fc.assert(
      fc.property(hostile, (bytes) => {
        const plan = read(bytes);
        if (plan !== undefined) expect(plan).to.deep.equal(JSON.parse(bytes.toString()));
      }),
      {numRuns: 2000},
    );
  });

  it('made of any JSON, with the fields of a plan in it, is refused without a word of it or read as it stands', () => {
    const values = fc.record(
      Object.fromEntries(
        Object.entries(openPlan).map(([name, value]) => [name, fc.oneof(fc.constant(value), fc.jsonValue())]),
      ),
      {requiredKeys: []},
    );
    fc.assert(
      fc.property(values, (value) => {
        const plan = read(bytesOf(value as Json));
        if (plan !== undefined) expect(plan).to.deep.equal(value);
      }),
      {numRuns: 1000},
    );
  });
});

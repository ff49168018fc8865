import {readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';

const room = join(import.meta.dirname, '../../src/luks');

/** Everything that a module imports for use, and what those import in turn. */
function reach(path: string, seen = new Set<string>()): Set<string> {
  for (const [, specifier] of readFileSync(path, 'utf8').matchAll(/^import \{[^}]*\} from '([^']+)';$/gm)) {
    if (!specifier!.startsWith('.')) seen.add(specifier!);
    else if (!seen.has(join(dirname(path), specifier!))) {
      seen.add(join(dirname(path), specifier!));
      reach(join(dirname(path), specifier!), seen);
    }
  }
  return seen;
}

describe('No key meets an unvetted header', () => {
  it('because the vetting can reach neither a file nor a program, so it can derive no key', () => {
    const reached = [...reach(join(room, 'vet.ts'))].filter((module) => !module.includes('/src/luks/'));
    expect(reached.filter((module) => /fs|child_process|worker|program|net/.test(module))).to.deep.equal([]);
    // The same search finds what is there.
    expect([...reach(join(room, 'header-reader.ts'))]).to.include('node:fs');
    expect([...reach(join(room, 'cryptsetup.ts'))].some((module) => module.endsWith('kernel/program.ts'))).to.be.true;
  });

  it('because only the vetting makes what a call with a key takes', () => {
    const source = readFileSync(join(room, 'cryptsetup.ts'), 'utf8');
    const calls = [...source.matchAll(/^export async function (\w+)\(([^)]*)\)/gms)].filter(([, , parameters]) =>
      parameters!.includes('key: Buffer'),
    );
    expect(calls.map(([, name]) => name)).to.have.members([
      'format',
      'unlockVolumeKey',
      'testPassphrase',
      'addKeyslot',
    ]);
    for (const [, name, parameters] of calls) {
      if (name !== 'format') expect(parameters, name).to.include('vetted: VettedHeader');
    }
  });
});

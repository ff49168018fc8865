import {spawnSync} from 'node:child_process';
import {chmodSync, chownSync, readFileSync, readdirSync, truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {findProgram} from '../../src/kernel/program.ts';
import {installOfModules} from '../bed/install.ts';
import {copiesOf, sealCopy, setPlace} from './forge.ts';
import {cheap, formatImage, removeFolders, temporaryFolder} from './images.ts';

const ownChild: readonly string[] = [process.execPath, join(import.meta.dirname, '../children/unlock-child.ts')];
/** nobody */
const otherUid = 65534;

/** Runs the child under another program, or alone, and gives what it printed. */
function inChild(under: readonly string[], args: readonly string[], key = 'secret', child = ownChild): unknown {
  const [program, ...rest] = [...under, ...child, ...args];
  const {stdout, stderr} = spawnSync(program!, rest, {input: key, timeout: 60_000});
  try {
    return JSON.parse(stdout.toString());
  } catch {
    throw new Error(`the child said nothing: ${stderr.toString()}`);
  }
}

/** The same child where every user can read it: the checkout may lie where others cannot go. */
function childForAll(): readonly string[] {
  const {folder, node} = installOfModules();
  const text = readFileSync(ownChild[1]!, 'utf8')
    .replaceAll("'../../src/", `'${folder}/dist/`)
    .replaceAll(".ts';", ".js';");
  const path = join(folder, 'unlock-child.ts');
  writeFileSync(path, text, {mode: 0o644});
  return [node, path];
}

describe('Making and unlocking an image', () => {
  afterEach(removeFolders);

  it('needs no root', () => {
    const folder = temporaryFolder();
    const image = join(folder, 'vault.img');
    writeFileSync(image, '');
    truncateSync(image, 17 * 1024 * 1024);
    const root = process.getuid!() === 0;
    if (root) for (const path of [folder, image]) chownSync(path, otherUid, otherUid);
    // As a private session: in a user namespace of the user's own, in which cryptsetup can be confined.
    const apart = ['unshare', '--user', '--map-root-user', '--mount', '--propagation', 'private', '--'];
    const ids = ['setpriv', `--reuid=${otherUid}`, `--regid=${otherUid}`, '--clear-groups', '--'];
    const program = root ? childForAll() : ownChild;
    const child = (task: string, key?: string) =>
      inChild([...(root ? ids : []), ...apart], [task, image, folder], key, program);
    expect(child('format')).to.deep.equal({outcome: 'formatted'});
    expect(child('unlock')).to.deep.equal({outcome: 'unlocked', passes: true});
    expect(child('unlock', 'wrong')).to.deep.equal({outcome: 'wrong-passphrase', passes: false});
    expect(readdirSync(folder)).to.deep.equal(['vault.img']);
  });

  it('says that memory was lacking where the kernel gives none', () => {
    const path = formatImage('secret', cheap);
    const image = readFileSync(path);
    const kdf = {
      type: 'argon2id',
      time: 4,
      memory: 2 * 1024 * 1024,
      cpus: 1,
      salt: Buffer.alloc(32).toString('base64'),
    };
    for (const copy of copiesOf(image, 'both copies')) {
      setPlace('keyslots.0.kdf', kdf)(copy);
      sealCopy(copy);
    }
    writeFileSync(path, image);
    chmodSync(path, 0o600);
    const limited = [findProgram('prlimit')!, `--data=${1500 * 1024 * 1024}`];
    const failure = inChild(limited, ['unlock', path, temporaryFolder()]);
    expect(failure).to.deep.include({code: 69, what: 'There is not enough memory to try the passphrase.'});
  });
});

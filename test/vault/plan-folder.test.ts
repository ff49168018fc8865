import {expect} from 'chai';
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {makePlanFolder} from '../../src/vault/plan-folder.ts';

describe('The directory of a plan', () => {
  let parent: string;

  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'plan-folder-'));
  });

  afterEach(() => {
    rmSync(parent, {recursive: true});
  });

  /** Makes a directory in another process, which waits until it is killed. */
  async function makeElsewhere() {
    const script = `
      import {makePlanFolder} from '${new URL('../../src/vault/plan-folder.ts', import.meta.url).pathname}';
      console.log(makePlanFolder('${parent}'));
      setInterval(() => {}, 1000);`;
    const maker = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(maker.stdout, 'data')) as [Buffer];
    const folder = line.toString().trim();
    writeFileSync(join(folder, 'plan.json'), '{}');
    return {folder, maker};
  }

  it('is for its user alone', () => {
    expect(statSync(makePlanFolder(parent)).mode & 0o777).to.equal(0o700);
  });

  it('is removed by the next call when everything was killed before the ghost could', async () => {
    const {folder, maker} = await makeElsewhere();
    maker.kill('SIGKILL');
    await once(maker, 'exit');
    expect(existsSync(folder)).to.equal(true);
    const next = makePlanFolder(parent);
    expect(readdirSync(parent)).to.deep.equal([next.slice(parent.length + 1)]);
  });

  it('is left alone by others as long as its process lives', async () => {
    const {folder, maker} = await makeElsewhere();
    makePlanFolder(parent);
    expect(existsSync(join(folder, 'plan.json'))).to.equal(true);
    maker.kill('SIGKILL');
    await once(maker, 'exit');
  });

  it('leaves everything else beside it alone, other PID namespaces’ directories too', () => {
    const others = ['tazpod-', 'tazpod-abc', 'tazpod-1.zzzzz.1-abcdef', 'tazpod-1.2.3-abcdef.txt'];
    for (const name of others) mkdirSync(join(parent, name));
    makePlanFolder(parent);
    expect(readdirSync(parent)).to.include.members(others);
  });
});

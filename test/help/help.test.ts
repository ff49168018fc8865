import {spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {projectNode, root} from '../../scripts/setup.js';
import {commandGroups} from '../../src/help/groups.ts';

type Command = {id: string; aliases: string[]; hidden?: boolean};

const manifest = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, Command>;
};

function pagesAt(columns: number): Record<string, string> {
  const env = {...process.env, OCLIF_COLUMNS: String(columns), NO_COLOR: '1'};
  const {stdout, stderr} = spawnSync(projectNode(), [join(import.meta.dirname, '../children/all-pages.ts')], {
    env,
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, string>;
}

describe('The help', () => {
  let narrow: Record<string, string>;
  let wide: Record<string, string>;

  before(() => {
    narrow = pagesAt(80);
    wide = pagesAt(1000);
  });

  it('lists each command of the core on its first page, once and in one group', () => {
    const listed = commandGroups.flatMap(({commands}) => commands.map((name) => name.replaceAll(' ', ':')));
    const shown = Object.values(manifest.commands).filter(({hidden}) => hidden !== true);
    const times = shown.map(({id, aliases}) => [id, listed.filter((name) => [id, ...aliases].includes(name)).length]);
    expect(times.filter(([, count]) => count !== 1)).to.deep.equal([]);
    // The help page of `help` is the first page too, and comes after oclif has printed the lines of other commands.
    for (const first of [narrow[''], narrow['help']]) {
      for (const {title, commands} of commandGroups) {
        expect(first).to.include(`\n${title}\n`);
        for (const name of commands) expect(first).to.match(new RegExp(`^ {2}${name} +\\S`, 'm'));
      }
      expect(first).to.match(/^ {2}\$ tazpod exec -- kubectl get pods +Run/m);
    }
  });

  it('fits into 80 columns', () => {
    for (const [name, page] of Object.entries(narrow)) {
      const long = page.split('\n').filter((line) => line.length > 80);
      expect(long, name).to.deep.equal([]);
    }
  });

  it('breaks no word at 80 columns', () => {
    for (const [name, page] of Object.entries(narrow)) {
      const whole = new Set(wide[name]!.split(/\s+/));
      expect(
        page.split(/\s+/).filter((word) => !whole.has(word)),
        name,
      ).to.deep.equal([]);
    }
  });

  it('has no template on any page', () => {
    expect(Object.entries(narrow).filter(([, page]) => page.includes('<%'))).to.deep.equal([]);
  });

  it('names under ALIASES the other names of a command, and not the one that was asked about', () => {
    expect(narrow['unlock']).to.match(/ALIASES\n {2}\$ tazpod vault unlock\n\n/);
    expect(narrow['vault unlock']).to.match(/ALIASES\n {2}\$ tazpod unlock\n\n/);
    expect(narrow['sync']).to.match(/ALIASES\n {2}\$ tazpod secrets pull\n {2}\$ tazpod pull\n\n/);
  });
});

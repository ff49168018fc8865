import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {parseYaml} from '../../../src/config/yaml-file.ts';
import {readAudit} from '../../../src/secrets/vault-directory/audit.ts';
import {listPulled} from '../../../src/secrets/installed/list.ts';
import {makeMapping} from '../../../src/secrets/mapping/mapping.ts';
import {openTrusted} from '../../../src/secrets/consent/open-trusted.ts';
import {compare, pull as pullFrom, type PullRequest} from '../../../src/secrets/pull/pull.ts';
import {readPulled} from '../../../src/secrets/installed/find.ts';
import {secretsSchema} from '../../../src/secrets/mapping/secrets-schema.ts';
import {failureOf} from '../../failure-of.ts';
import {FixtureBackend} from './fixture-backend.ts';

const yaml = `
backends: {mine: {type: fixture}}
secrets:
  - {name: TOKEN, env: TOKEN}
  - {name: KUBE, file: kube/config, env: KUBECONFIG}
  - {name: EXTRA, file: extra, optional: true}
  - {name: PORT, env: PORT, default: "80"}
`;

describe('A pull', () => {
  let folder: string;
  let vault: string;
  let store: FixtureBackend;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-pull-'));
    vault = mkdtempSync(join(folder, 'vault-'));
    store = new FixtureBackend();
    store.set({TOKEN: 'hunter22', KUBE: 'kube'});
  });

  afterEach(() => rmSync(folder, {recursive: true, force: true}));

  function request(text: string, more: Partial<PullRequest> = {}): PullRequest {
    const mapping = makeMapping(parseYaml(text, join(folder, 'secrets.yml'), secretsSchema));
    return {
      mapping,
      bridgeEnds: [],
      load: async () => store.backend,
      trust: false,
      progress: {begin: () => {}, done: () => {}, failed: () => {}, end: async () => {}},
      surroundings: {
        mountPoint: vault,
        projectFolder: folder,
        environment: {HOME: folder},
        timeoutMs: 5000,
        signal: new AbortController().signal,
        warn: () => {},
      },
      ...more,
    };
  }

  const pull = async (request: PullRequest) => pullFrom(request, await openTrusted(request));

  const inVault = (path: string) => readFileSync(join(vault, path), 'utf8');

  it('puts each secret in its place, with defaults, and tells the optional ones that are missing', async () => {
    const result = await pull(request(yaml));
    expect(result)
      .to.include({state: 'changed', files: 1, variables: 3})
      .and.deep.include({absent: ['EXTRA']});
    expect(inVault('.tazpod/environment/environment.sh')).to.equal(
      `export KUBECONFIG='${vault}/kube/config'\nexport PORT='80'\nexport TOKEN='hunter22'\n`,
    );
    expect(listPulled(vault, request(yaml).mapping).map(({name, state}) => `${name} ${state}`)).to.deep.equal([
      'kube/config pulled',
      'TOKEN pulled',
      'KUBECONFIG pulled',
      'PORT pulled',
      'extra wanted',
    ]);
  });

  it('costs one question for 500 secrets of a folder, and one that is answered with "unchanged" the next time', async () => {
    const names = Array.from({length: 500}, (_, index) => `SECRET_${index}`);
    store.set(Object.fromEntries(names.map((name) => [name, `value of ${name}`])));
    const text = `backend: fixture\nsecrets:\n${names.map((name) => `  - {name: ${name}, env: ${name}}\n`).join('')}`;
    expect((await pull(request(text))).variables).to.equal(500);
    expect(store.asked).to.have.length(1);
    expect((await pull(request(text))).state).to.equal('unchanged');
    expect(store.asked.map(({validator}) => validator)).to.deep.equal([undefined, String(store.version)]);
    expect(readdirSync(join(vault, '.tazpod/pulled')).sort()).to.deep.equal(['1', 'checked', 'current']);
  });

  it('needs no answer of the store to put what it has elsewhere', async () => {
    await pull(request(yaml));
    await pull(request(yaml.replace('kube/config', 'moved')));
    expect(store.asked[1]!.validator).to.equal(String(store.version));
    expect(inVault('moved')).to.equal('kube');
    expect(existsSync(join(vault, 'kube'))).to.equal(false);
  });

  it('names everything that is missing, and changes nothing', async () => {
    await pull(request(yaml));
    store.set({KUBE: 'other'});
    const failure = await failureOf(() => pull(request(yaml.replace('default: "80"', 'mode: "0600"'))));
    expect(failure).to.include({code: 66, message: 'The backend does not have TOKEN (mine:/), PORT (mine:/).'});
    expect(inVault('kube/config')).to.equal('kube');
  });

  it('pulls a whole folder into files and variables, with those below', async () => {
    store.secrets = [
      {name: 'A', value: '1'},
      {name: 'B', path: '/app/below', value: '2'},
    ];
    await pull(request('backend: f\nsecrets: [{folder: /app, recursive: true, files: app, env-prefix: X_}]'));
    expect([inVault('app/A'), inVault('app/below/B')]).to.deep.equal(['1', '2']);
    expect(inVault('.tazpod/environment/environment.sh')).to.equal(`export X_A='1'\nexport X_B='2'\n`);
  });

  for (const name of ['../x', 'a/b', '', '.', '..', 'new\nline', 'nul\0', '\u202eevil']) {
    it(`refuses a hostile name of a file: ${JSON.stringify(name)}`, async () => {
      store.set({[name]: 'value'});
      const failure = await failureOf(() => pull(request('backend: f\nsecrets: [{folder: /, files: all}]')));
      expect(failure.code).to.equal(65);
      // eslint-disable-next-line no-control-regex
      expect(failure.message).not.to.match(/[\u0000-\u001f\u202e]/);
      expect(existsSync(join(vault, 'all'))).to.equal(false);
    });
  }

  for (const [name, value, why] of [
    ['LD_PRELOAD', 'x', /as a variable is a variable that changes how programs load/],
    ['$(id)', 'x', /as a variable is not a valid variable name/],
    ['A', 'a\0b', /has a NUL in it/],
    ['A', 'x'.repeat(131_070), /is too long for a variable/],
  ] as const) {
    it(`refuses what cannot be a variable: ${name}`, async () => {
      store.set({[name]: value});
      const failure = await failureOf(() => pull(request('backend: f\nsecrets: [{folder: /, env-prefix: ""}]')));
      expect(failure.code).to.equal(65);
      expect(failure.message).to.match(why);
    });
  }

  it('leaves out of a folder what "exclude" names, by name, glob and path, also for those that share the folder', async () => {
    store.secrets = [
      {name: 'A', value: '1'},
      {name: 'spring.datasource.password', value: '2'},
      {name: 'A', path: '/old', value: '3'},
      {name: 'PATH', value: '4'},
      {name: 'B', path: '/kept', value: '5'},
    ];
    const folderOf = (exclude: string) =>
      `backend: f\nsecrets: [{folder: /, recursive: true, env-prefix: "", exclude: ${exclude}}]`;
    await pull(request(folderOf('["spring.*", PATH, "old/**"]')));
    expect(listPulled(vault, undefined).map(({name}) => name)).to.deep.equal(['A', 'B']);
    expect((await failureOf(() => pull(request(folderOf('["spring.*"]'))))).next).to.equal(
      'leave it out with exclude: ["PATH"], or set optional: true',
    );
    // One that is wanted by its name is there although the folder leaves it out.
    store.secrets = [
      {name: 'A', value: '1'},
      {name: 'PATH', value: '4'},
    ];
    await pull(
      request('backend: f\nsecrets: [{folder: /, env-prefix: "", exclude: [PATH]}, {name: PATH, file: path}]'),
    );
    expect(inVault('path')).to.equal('4');
  });

  it('leaves out of an optional folder, and reports, what cannot be a file or a variable', async () => {
    store.secrets = [
      {name: 'spring.datasource.password', value: '1'},
      {name: 'PATH', value: '1'},
      {name: '../up', value: '1'},
      {name: 'NUL', value: 'a\0b'},
      {name: 'Key', value: '1'},
      {name: 'KEY', value: '2'},
      {name: 'TAKEN', value: 'of the folder'},
      {name: 'GOOD', value: 'good'},
    ];
    const all = '{folder: /, files: all, env-prefix: "", optional: true}';
    const result = await pull(request(`backend: f\nsecrets: [${all}, {name: TAKEN, path: /own, env: TAKEN}]`));
    expect(result.leftOut.map(({secret}) => secret)).to.have.members([
      'spring.datasource.password',
      'PATH',
      '../up',
      'NUL',
      'Key',
      'KEY',
      'TAKEN',
    ]);
    const pulled = listPulled(vault, undefined).map(({kind, name}) => `${kind} ${name}`);
    expect(pulled).to.include.members(['file all/GOOD', 'variable GOOD', 'variable TAKEN']);
    expect(pulled).not.to.include('file all/Key').and.not.to.include('file all/KEY');
  });

  it('takes "content" for backends that know it only', async () => {
    const text = 'backend: f\nsecrets: [{name: TOKEN, env: TOKEN, content: file}]';
    expect((await failureOf(() => pull(request(text)))).message).to.match(
      /content is not a setting of the backend f\.$/,
    );
    const load = async () => ({...store.backend, contents: ['file', 'first-line']});
    await pull(request(text, {load}));
    expect(store.asked.at(-1)).to.include({content: 'file'});
    const wrong = text.replace('content: file', 'content: all');
    expect((await failureOf(() => pull(request(wrong, {load})))).message).to.match(/is not one of file, first-line\.$/);
  });

  it('tells users of pass that a path in a name is a folder', async () => {
    const failure = await failureOf(() => pull(request('backend: f\nsecrets: [{name: clients/token, env: A}]')));
    expect(failure.next).to.include('write {path: /clients, name: token}');
  });

  it('warns of a value that breaks the file of a template, and not if a filter writes it', async () => {
    store.set({KEY: 'two\nlines "quoted"'});
    const warnings: string[] = [];
    const surroundings = {...request(yaml).surroundings, warn: (text: string) => warnings.push(text)};
    const template = (file: string, text: string) =>
      request(`backend: f\nsecrets: [{name: KEY}]\ntemplates: [{file: ${file}, text: ${JSON.stringify(text)}}]`, {
        surroundings,
      });
    await pull(template('app.json', '{"key": "{{KEY}}"}'));
    expect(warnings).to.deep.equal([
      'app.json: the value of KEY breaks the file as it is; write {{KEY | json}} without quotes around it',
    ]);
    await pull(template('app.json', '{"key": {{KEY | json}}}'));
    expect(JSON.parse(inVault('app.json'))).to.deep.equal({key: 'two\nlines "quoted"'});
    expect(warnings).to.have.length(1);
    expect((await failureOf(() => pull(template('a', '{{KEY | html}}')))).message).to.match(
      /has a filter that is not one of base64, dotenv, json, shell, yaml\.$/,
    );
  });

  it('refuses two secrets of folders that want one place, in any case of letters', async () => {
    store.set({Key: '1', KEY: '2'});
    const failure = await failureOf(() => pull(request('backend: f\nsecrets: [{folder: /, files: all}]')));
    expect(failure.message).to.equal('Two secrets have the same target: the file all/KEY.');
  });

  it('makes files of templates, byte for byte, without escaping for HTML', async () => {
    store.set({A: Buffer.from([0xff, 0x3c, 0x26]), B: '"b"'});
    writeFileSync(join(folder, 't.mustache'), 'a={{A}};b={{{B}}};{{#C}}c={{C}}{{/C}}{{^C}}no c{{/C}}\n');
    await pull(
      request(`
backend: f
secrets: [{name: A}, {name: B}, {name: C, optional: true}]
templates: [{file: out, template: t.mustache, env: OUT}]
`),
    );
    expect(readFileSync(join(vault, 'out'), 'latin1')).to.equal('a=\u00ff<&;b="b";no c\n');
    const stray = `backend: f\nsecrets: [{name: A, env: A}]\ntemplates: [{file: out, text: "{{Z}}"}]`;
    expect((await failureOf(() => pull(request(stray)))).message).to.match(
      /:3:25: templates\[0\]\.text asks for Z, which is not pulled\.$/,
    );
  });

  it('tells what a store says is wrong, and keeps to itself what a plugin throws', async () => {
    store.failure = {kind: 'not-logged-in', what: 'Nobody is logged in.\u001b[2J'};
    const told = await failureOf(() => pull(request(yaml)));
    expect(told).to.include({code: 77, message: 'Nobody is logged in.\\u{1b}[2J', next: 'tazpod login'});
    store.failure = new Error('the token is hunter22');
    const bug = await failureOf(() => pull(request(yaml)));
    expect(bug.code).to.equal(70);
    expect(JSON.stringify(bug.toJSON())).not.to.include('hunter22');
  });

  it('works offline with what was pulled before, on request and if something was', async () => {
    store.failure = {kind: 'unreachable', what: 'No way.'};
    expect((await failureOf(() => pull(request(yaml, {offlineOk: true})))).code).to.equal(69);
    store.failure = undefined;
    const pulled = new Date('2026-01-02T03:04:05Z');
    await pull(request(yaml, {now: () => pulled}));
    store.failure = {kind: 'unreachable', what: 'No way.'};
    expect(await pull(request(yaml, {offlineOk: true}))).to.include({
      state: 'offline',
      files: 1,
      checked: pulled.toISOString(),
    });
    expect((await failureOf(() => pull(request(yaml)))).message).to.equal('No way.');
    store.failure = {kind: 'no-permission', what: 'No.'};
    expect((await failureOf(() => pull(request(yaml, {offlineOk: true})))).code).to.equal(77);
  });

  it('gives up on a backend that never answers', async () => {
    store.onRead = () => new Promise(() => {});
    const late = request(yaml);
    const failure = await failureOf(() => pull({...late, surroundings: {...late.surroundings, timeoutMs: 5}}));
    expect(failure.message).to.equal('The backend mine timed out after 0.15 s.');
  });

  it('waits for another pull of the same vault', async () => {
    const order: string[] = [];
    store.onRead = async () => {
      order.push('in');
      await new Promise((resolve) => setTimeout(resolve, 100));
      order.push('out');
    };
    await Promise.all([pull(request(yaml)), pull(request(yaml)), pull(request(yaml))]);
    expect(order).to.deep.equal(['in', 'out', 'in', 'out', 'in', 'out']);
  });

  it('asks before it does what a repository could have smuggled in, once for each wording', async () => {
    store.demands = ['runs the program ./evil'];
    const asked: (readonly string[])[] = [];
    const agree = (answer: boolean) => async (demands: readonly string[]) => {
      asked.push(demands);
      return answer;
    };
    const wanting = `allow-env: [PATH]\n${yaml}`;
    expect((await failureOf(() => pull(request(wanting)))).code).to.equal(77);
    expect((await failureOf(() => pull(request(wanting, {agree: agree(false)})))).code).to.equal(77);
    expect(store.asked).to.have.length(0);
    await pull(request(wanting, {agree: agree(true)}));
    expect(asked.at(-1)).to.deep.equal([
      'backend mine: runs the program ./evil',
      'sets PATH, which change how programs load',
    ]);
    await pull(request(wanting));
    const more = wanting.replace('[PATH]', '[PATH, LD_PRELOAD]');
    expect((await failureOf(() => pull(request(more)))).code).to.equal(77);
    const changed = wanting.replace('type: fixture', 'type: fixture, command: x');
    expect((await failureOf(() => pull(request(changed)))).code).to.equal(77);
    await pull(request(changed, {trust: true}));
  });

  it('believes nothing in a vault that it was not pulled into by this account', async () => {
    store.demands = ['runs the program ./evil'];
    await pull(request(yaml, {trust: true}));
    await pull(request(yaml));
    const [mark] = readdirSync(join(folder, '.local/share/tazpod/vaults'));
    expect(inVault('.tazpod/mark')).to.equal(mark);
    rmSync(join(folder, '.local'), {recursive: true});
    writeFileSync(join(vault, '.tazpod/pulled/1/environment/environment.sh'), 'evil');
    expect((await failureOf(() => pull(request(yaml)))).code).to.equal(77);
    expect(await pull(request(yaml, {trust: true}))).to.include({state: 'changed'});
    expect(store.asked.at(-1)).not.to.have.property('validator');
    expect(inVault('.tazpod/environment/environment.sh')).to.include('hunter22').and.not.include('evil');
    expect(inVault('.tazpod/mark')).not.to.equal(mark);
    expect((await pull(request(yaml))).state).to.equal('unchanged');
  });

  it('does not take away what another project has brought, unless it is asked to or the project is gone', async () => {
    const other = join(folder, 'other.yml');
    writeFileSync(other, yaml);
    const mapping = makeMapping(parseYaml(yaml, other, secretsSchema));
    await pull({...request(yaml), mapping});
    const failure = await failureOf(() => pull(request(yaml)));
    expect(failure).to.include({
      code: 73,
      why: `It is ${other}, and its secrets would be removed. To keep both, use another vault.`,
      next: 'tazpod pull --replace',
    });
    await pull(request(yaml, {replace: true}));
    await pull({...request(yaml), mapping, replace: true});
    rmSync(other);
    expect((await pull(request(yaml))).state).to.equal('changed');
  });

  it('is written down with the names and the parent process, and so is no value', async () => {
    await pull(request(yaml));
    await pull(request(yaml));
    const {entries, damaged} = readAudit(vault);
    expect(damaged).to.equal(0);
    expect(entries.map(({action, names}) => ({action, names}))).to.deep.equal([
      {action: 'pull', names: ['KUBE', 'PORT', 'TOKEN']},
    ]);
    expect(entries[0]!.parent!.pid).to.equal(process.ppid);
    expect(inVault('.tazpod/audit.jsonl')).not.to.include('hunter22');
  });

  it('is compared with what is there, without doing it', async () => {
    await pull(request(yaml));
    store.set({TOKEN: 'other-one', KUBE: 'kube'});
    const differences = await compare(request(yaml), await openTrusted(request(yaml)));
    expect(differences.map(({kind, name, change}) => ({kind, name, change}))).to.deep.equal([
      {kind: 'variable', name: 'TOKEN', change: 'changed'},
    ]);
    expect(readPulled(vault, 'TOKEN').toString()).to.equal('hunter22');
  });

  it('lets one value be read by variable, by file and by the name in the store', async () => {
    await pull(request(yaml));
    for (const name of ['KUBE', 'kube/config']) expect(readPulled(vault, name).toString()).to.equal('kube');
    expect(readPulled(vault, 'KUBECONFIG').toString()).to.equal(join(vault, 'kube/config'));
    expect((await failureOf(() => readPulled(vault, 'TOKNE'))).next).to.equal('tazpod get TOKEN');
  });
});

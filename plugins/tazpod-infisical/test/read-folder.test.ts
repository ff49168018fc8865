import {expect} from 'chai';
import {type InfisicalDouble, startInfisical} from '../../../test/bed/infisical/double.ts';
import {putSecret} from '../../../test/bed/infisical/world.ts';
import backend from '../src/backend.ts';
import {contextFor, logIn, secretsOf, type TestContext, valuesOf} from './bed.ts';

const root = {environment: 'dev', path: '/', recursive: false};

describe('A folder of Infisical', () => {
  let double: InfisicalDouble;
  let context: TestContext;

  beforeEach(async () => {
    double = await startInfisical();
    context = contextFor(double);
    await logIn(context, double);
    double.forget();
  });
  afterEach(() => double.close());

  it('tells that a reference was not resolved, by the name of the secret only', async () => {
    const {environments} = double.world.projects[0]!;
    const folder = environments.get('dev')!.get('/')!;
    const template = folder.secrets.get('GITHUB_TOKEN')!;
    folder.secrets.set('REF', {...template, key: 'REF', value: 'x-${prod.nowhere.KEY}'});
    expect(valuesOf(await backend.readFolder(context, root))).to.include({'/REF': 'x-${prod.nowhere.KEY}'});
    expect(context.warnings.join())
      .to.include('did not resolve a reference ${…} in "REF"')
      .and.not.to.include('nowhere');
  });

  it('is read with its imports and with references resolved, and own secrets win over imported ones', async () => {
    const values = valuesOf(await backend.readFolder(context, root));
    expect(values).to.deep.equal({
      '/BIG': 'x'.repeat(60_000),
      '/DB_PASSWORD': 'p@ss w0rd\'"$`\\n#=;',
      '/DB_URL': 'postgres://app:p@ss w0rd\'"$`\\n#=;@db/app',
      '/EMPTY': '',
      '/GITHUB_TOKEN': 'ghp_devTESTtoken0001',
      '/SPACES': 'padded',
      '/TRAILING_NL': 'abc\n',
      '/kebab-name.with.dots': 'v',
      '/SHARED_ONLY': 'from-import',
    });
  });

  it('gives a key of several lines byte for byte', async () => {
    const [secret, ...others] = secretsOf(await backend.readFolder(context, {...root, path: '/ssh/'}));
    expect(others).to.deep.equal([]);
    expect(secret).to.include({name: 'ID_ED25519', path: '/ssh'});
    const stored = double.world.projects[0]!.environments.get('dev')!.get('/ssh')!.secrets.get('ID_ED25519')!;
    expect(Buffer.from(secret!.value).equals(Buffer.from(stored.value))).to.equal(true);
    expect(stored.value).to.match(/✓\n.*-----\n$/);
  });

  it('is read with all folders below it, each secret where it lies, and reports the imports that it leaves out', async () => {
    const values = valuesOf(await backend.readFolder(context, {...root, recursive: true}));
    expect(values).to.include({
      '/GITHUB_TOKEN': 'ghp_devTESTtoken0001',
      '/shared/GITHUB_TOKEN': 'must-not-win',
      '/ssh/keys/DEEP': 'deep-value',
    });
    expect(values).not.to.have.property('/SHARED_ONLY');
    expect(context.warnings).to.have.lengthOf(1);
    expect(context.warnings[0]).to.match(/^Imports below ".*" are left out, because/);
  });

  it('costs one request with 500 secrets, and one 304 when nothing has changed', async () => {
    const project = double.world.projects[0]!;
    for (let i = 0; i < 500; i += 1) putSecret(project, 'prod', '/', `NAME_${i}`, `value ${i}`);
    const folder = {...root, environment: 'prod'};
    const first = await backend.readFolder(context, folder);
    expect(secretsOf(first)).to.have.lengthOf(500);
    const validator = first.state === 'read' ? first.validator! : '';
    expect(await backend.readFolder(context, {...folder, validator})).to.deep.equal({state: 'unchanged'});
    expect(double.requests.map(({route, status}) => `${route} ${status}`)).to.deep.equal(['list 200', 'list 304']);

    putSecret(project, 'prod', '/', 'NAME_7', 'another value');
    const third = await backend.readFolder(context, {...folder, validator});
    expect(valuesOf(third)).to.include({'/NAME_7': 'another value', '/NAME_8': 'value 8'});
  });

  it('shares its few connections with all folders that a command reads', async () => {
    const before = double.connections();
    const answers = await Promise.all(Array.from({length: 20}, () => backend.readFolder(context, root)));
    answers.push(await backend.readFolder(context, root));
    expect(answers.map(({state}) => state)).to.deep.equal(Array.from({length: 21}, () => 'read'));
    expect(double.connections() - before).to.be.at.most(4);
  });

  it('may hold ten thousand secrets, and one of a megabyte', async () => {
    const project = double.world.projects[0]!;
    for (let i = 0; i < 10_000; i += 1) putSecret(project, 'staging', '/', `NAME_${i}`, `value ${i}`);
    putSecret(project, 'staging', '/', 'LARGE', 'é'.repeat(500_000));
    const values = valuesOf(await backend.readFolder(context, {...root, environment: 'staging'}));
    expect(Object.keys(values)).to.have.lengthOf(10_001);
    expect(values['/LARGE']).to.equal('é'.repeat(500_000));
    expect(double.requests).to.have.lengthOf(1);
  });

  it('gives the personal secret of a user in place of the shared one of its name', async () => {
    const secret = (type: string, secretValue: string) => ({secretKey: 'A', secretValue, secretPath: '/', type});
    const shared = [secret('shared', 'everybody’s'), secret('personal', 'mine')];
    const imports = [{secretPath: '/x', secrets: [{secretKey: 'A', secretValue: 'imported', type: 'shared'}]}];
    double.answerNext('list', {secrets: shared, imports});
    expect(valuesOf(await backend.readFolder(context, root))).to.deep.equal({'/A': 'mine'});
  });

  it('hands over names as they are: what a name may be is for the core to say', async () => {
    const names = ['../x', '$(id)', 'a\nb', 'a\0b', 'ＰＡＴＨ', 'e\u0301', '__proto__', 'a\u202eb'];
    const project = double.world.projects[0]!;
    for (const name of names) putSecret(project, 'prod', '/', name, `value of ${name.length}`);
    const secrets = secretsOf(await backend.readFolder(context, {...root, environment: 'prod'}));
    expect(secrets.map(({name}) => name)).to.have.members(names);
    expect(secrets.every(({path}) => path === '/')).to.equal(true);
  });

  it('is the one of the settings’ environment where the folder names none, and of dev where nobody does', async () => {
    putSecret(double.world.projects[0]!, 'prod', '/', 'WHERE', 'prod');
    const {environment: _, ...anywhere} = root;
    expect(valuesOf(await backend.readFolder(context, anywhere))).to.have.property('/GITHUB_TOKEN');
    const inProd = {...context, settings: {...context.settings, environment: 'prod'}};
    expect(valuesOf(await backend.readFolder(inProd, anywhere))).to.deep.equal({'/WHERE': 'prod'});
  });

  it('is found although the url ends in /api/, as the older setting did', async () => {
    const older = {
      ...context,
      settings: {infisical_url: `${double.url}/api/`, infisical_project_id: context.settings['project']},
    };
    expect(valuesOf(await backend.readFolder(older, root))).to.have.property('/GITHUB_TOKEN');
  });
});

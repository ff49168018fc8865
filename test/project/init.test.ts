import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {configSchema} from '../../src/config/config-schema.ts';
import {parseYaml} from '../../src/config/yaml-file.ts';
import {initProject, type InitResult, projectAbove} from '../../src/project/init.ts';
import {editorSchema} from '../../src/project/editor-schemas.ts';
import {configTemplate, secretsTemplate} from '../../src/project/templates.ts';
import {makeMapping} from '../../src/secrets/mapping/mapping.ts';
import {secretsSchema} from '../../src/secrets/mapping/secrets-schema.ts';
import {failureOf} from '../failure-of.ts';

/** A template with every key turned on that it has turned off. */
const turnedOn = (template: string) => template.replace(/^#(?! \S)(?=.)/gm, '');

describe('A new project', () => {
  let folder: string;
  const read = (path: string) => readFileSync(join(folder, path), 'utf8');
  const states = ({files}: InitResult) => Object.fromEntries(files.map(({path, state}) => [path, state]));

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'tazpod-init-')));
  });

  afterEach(() => rmSync(folder, {recursive: true}));

  it('has a configuration, secrets.yml, the schemas of both, and ignores its vault', () => {
    expect(states(initProject(folder))).to.deep.equal({
      '.gitignore': 'made',
      '.tazpod/config.schema.json': 'made',
      '.tazpod/secrets.schema.json': 'made',
      '.tazpod/config.yaml': 'made',
      'secrets.yml': 'made',
    });
    expect(read('.gitignore')).to.equal('.tazpod-vault/\n');
    expect(JSON.parse(read('.tazpod/config.schema.json'))).to.deep.equal(editorSchema('config'));
    expect(readdirSync(folder).sort()).to.deep.equal(['.gitignore', '.tazpod', 'secrets.yml']);
    expect(readdirSync(join(folder, '.tazpod')).sort()).to.deep.equal([
      'config.schema.json',
      'config.yaml',
      'secrets.schema.json',
    ]);
  });

  it('names schemas to editors that are there, from where each file is', () => {
    initProject(folder);
    for (const [file, above] of [
      ['.tazpod/config.yaml', '.tazpod'],
      ['secrets.yml', '.'],
    ] as const) {
      const [, schema] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(read(file))!;
      expect(JSON.parse(read(join(above, schema!)))).to.have.property('$schema');
    }
  });

  it('says nothing at first, and everything that it shows is valid once it is turned on', () => {
    expect(parseYaml(configTemplate, 'config.yaml', configSchema).value).to.deep.equal({});
    expect(parseYaml(secretsTemplate, 'secrets.yml', secretsSchema).value).to.deep.equal({secrets: []});
    const config = parseYaml(turnedOn(configTemplate), 'config.yaml', configSchema).value;
    expect(Object.keys(config)).to.have.members([
      'image',
      'mount-point',
      'size',
      'engine',
      'isolation',
      'latches',
      'plugins',
    ]);
    const secrets = parseYaml(turnedOn(secretsTemplate).replace(' []', ''), 'secrets.yml', secretsSchema);
    expect(secrets.value.config).to.have.keys('infisical_project_id', 'infisical_url');
    expect(makeMapping(secrets).secrets.map(({name, file, env}) => [name, file, env])).to.deep.equal([
      ['KUBECONFIG_PROD', 'kube/config', 'KUBECONFIG'],
      ['GITHUB_TOKEN', undefined, 'GITHUB_TOKEN'],
    ]);
  });

  it('leaves everything as it is that is there already', () => {
    initProject(folder);
    writeFileSync(join(folder, '.tazpod/config.yaml'), 'size: 1G\n');
    writeFileSync(join(folder, 'secrets.yml'), '');
    writeFileSync(join(folder, '.tazpod/secrets.schema.json'), '{"mine": true}');
    const again = initProject(folder);
    expect(new Set(Object.values(states(again)))).to.deep.equal(new Set(['left']));
    expect([read('.tazpod/config.yaml'), read('secrets.yml')]).to.deep.equal(['size: 1G\n', '']);
    expect(read('.tazpod/secrets.schema.json')).to.equal('{"mine": true}');
  });

  it('gets the schemas of a newer TazPod in the place of those that an older one has made', () => {
    initProject(folder);
    const {$comment} = editorSchema('config') as {$comment: string};
    writeFileSync(join(folder, '.tazpod/config.schema.json'), JSON.stringify({$comment, properties: {}}));
    expect(states(initProject(folder))['.tazpod/config.schema.json']).to.equal('changed');
    expect(JSON.parse(read('.tazpod/config.schema.json'))).to.deep.equal(editorSchema('config'));
  });

  describe('with a .gitignore', () => {
    const contents: readonly (readonly [string, string, string | undefined])[] = [
      ['gets one line more', 'node_modules/\n', 'node_modules/\n.tazpod-vault/\n'],
      ['gets it on a line of its own', 'node_modules/', 'node_modules/\n.tazpod-vault/\n'],
      ['gets it with the line ends that are there', 'a\r\nb', 'a\r\nb\r\n.tazpod-vault/\r\n'],
      ['gets it though a comment or another line is like it', '#.tazpod-vault/\nx.tazpod-vault/\n', undefined],
    ];
    for (const [what, before, after] of contents) {
      it(what, () => {
        writeFileSync(join(folder, '.gitignore'), before);
        chmodSync(join(folder, '.gitignore'), 0o640);
        expect(states(initProject(folder))['.gitignore']).to.equal('changed');
        expect(read('.gitignore')).to.equal(after ?? `${before}.tazpod-vault/\n`);
        expect(statSync(join(folder, '.gitignore')).mode & 0o777).to.equal(0o640);
      });
    }

    it('keeps what is no text in it, byte for byte', () => {
      const bytes = Buffer.from(Array.from({length: 256}, (_, index) => index));
      writeFileSync(join(folder, '.gitignore'), bytes);
      initProject(folder);
      expect(readFileSync(join(folder, '.gitignore'))).to.deep.equal(
        Buffer.concat([bytes, Buffer.from('\n.tazpod-vault/\n')]),
      );
    });

    it('is left alone where it ignores the vault', () => {
      for (const line of ['.tazpod-vault/', '.tazpod-vault', '/.tazpod-vault/', '/.tazpod-vault  ']) {
        writeFileSync(join(folder, '.gitignore'), `x\n${line}\r\ny\n`);
        expect(states(initProject(folder))['.gitignore'], line).to.equal('left');
      }
    });
  });

  it('is not made through a symbolic link, wherever it leads', async () => {
    const elsewhere = join(folder, 'elsewhere');
    const project = join(folder, 'project');
    mkdirSync(elsewhere);
    mkdirSync(project);
    symlinkSync(elsewhere, join(project, '.tazpod'));
    expect(await failureOf(() => initProject(project))).to.include({code: 73});
    rmSync(join(project, '.tazpod'));
    symlinkSync(join(elsewhere, 'a'), join(project, 'secrets.yml'));
    symlinkSync(join(elsewhere, 'b'), join(project, '.gitignore'));
    mkdirSync(join(project, '.tazpod'));
    symlinkSync(join(elsewhere, 'c'), join(project, '.tazpod/config.yaml'));
    const result = initProject(project);
    expect(states(result)).to.include({'secrets.yml': 'left', '.gitignore': 'left', '.tazpod/config.yaml': 'left'});
    expect(result.files[0]!.note).to.include('.tazpod-vault/');
    expect(readdirSync(elsewhere)).to.deep.equal([]);
  });

  it('is refused where it cannot be written', async () => {
    writeFileSync(join(folder, '.tazpod'), '');
    expect(await failureOf(() => initProject(folder))).to.include({code: 73});
  });

  it('knows the project above it', () => {
    initProject(folder);
    mkdirSync(join(folder, 'deep/down'), {recursive: true});
    expect(projectAbove(join(folder, 'deep/down'), process.getuid!())).to.equal(folder);
    expect(projectAbove(folder, process.getuid!())).to.equal(undefined);
  });

  it('that was killed at any moment has whole files only, and the next one finishes it', async function () {
    this.timeout(120_000);
    const script = `import {initProject} from ${JSON.stringify(new URL('../../src/project/init.ts', import.meta.url).href)};
      process.send('ready'); process.on('message', () => initProject(process.argv[1]));`;
    for (const delayMs of [0, 1, 2, 3, 5, 8, 13]) {
      const project = join(folder, `killed-${delayMs}`);
      mkdirSync(project);
      writeFileSync(join(project, '.gitignore'), 'old\n');
      const child = spawn(process.execPath, ['--input-type=module', '--eval', script, project], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      await once(child, 'message');
      child.send('go');
      const since = performance.now();
      while (performance.now() - since < delayMs);
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect(['old\n', 'old\n.tazpod-vault/\n']).to.include(readFileSync(join(project, '.gitignore'), 'utf8'));
      for (const [path, content] of [
        ['.tazpod/config.yaml', configTemplate],
        ['secrets.yml', secretsTemplate],
      ] as const) {
        if (existsSync(join(project, path))) expect(readFileSync(join(project, path), 'utf8')).to.equal(content);
      }
      initProject(project);
      expect(readdirSync(project, {recursive: true}).sort()).to.deep.equal([
        '.gitignore',
        '.tazpod',
        '.tazpod/config.schema.json',
        '.tazpod/config.yaml',
        '.tazpod/secrets.schema.json',
        'secrets.yml',
      ]);
    }
  });
});

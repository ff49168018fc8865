import {chmodSync, mkdirSync, renameSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {ownVault} from '../bed/own-vault.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {givePlugins} from '../bed/plugins.ts';
import {runAs, tazpod} from '../bed/run.ts';
import type {BedUser} from '../bed/user.ts';
import type {TestVault} from '../bed/vault.ts';

/** Bytes that are not UTF-8, quotes, newlines: what a store may give. */
const binary = Buffer.from([0xff, 0xfe, 0x27, 0x0a, 0x5c, 0x80, 0x24, 0x28, 0x69, 0x64, 0x29, 0x0a]);

describe('Secrets that are pulled', () => {
  let owner: BedUser;
  let vault: TestVault;
  let project: string;

  before(async function () {
    ({owner, vault} = await ownVault(this));
    givePlugins(owner, 'tazpod-exec', 'tazpod-dotenv');
    project = join(owner.home, 'project');
    mkdirSync(project);
    chownTo(owner, project);
    // A store of ten lines, in the language that every machine has.
    writeAs(
      owner,
      join(project, 'store'),
      `#!/bin/sh
read -r request
echo "$request" >> requests
cat answer.json
`,
    );
    chmodSync(join(project, 'store'), 0o700);
    answer({KUBE: 'apiVersion: v1\n', TOKEN: 'hunter22-hunter22'}, {BINARY: binary});
    writeAs(
      owner,
      join(project, 'secrets.yml'),
      `backends:
  mine: {type: exec, command: ./store}
secrets:
  - {name: KUBE, file: kube/config, env: KUBECONFIG}
  - {name: TOKEN, env: API_TOKEN}
  - {name: BINARY, file: binary, env: BINARY, env-holds: value}
templates:
  - {file: .env, text: "TOKEN={{TOKEN}}\\n"}
`,
    );
  });

  afterEach(() => expectNothingLeft(vault));

  function answer(texts: Record<string, string>, bytes: Record<string, Buffer> = {}, file = 'answer.json'): void {
    const secrets = [
      ...Object.entries(texts).map(([name, value]) => ({name, value})),
      ...Object.entries(bytes).map(([name, value]) => ({name, base64: value.toString('base64')})),
    ];
    writeAs(owner, join(project, file), JSON.stringify({secrets}));
  }

  const command = (...words: string[]) => tazpod(owner, words, {cwd: project});
  const inGhost = (script: string, ...flags: string[]) =>
    command('exec', ...vault.flags, ...flags, '--', 'bash', '-c', script);

  it('are checked without a store and without a vault', async () => {
    expect((await command('secrets', 'check')).stdout).to.match(
      /secrets\.yml is valid: 3 entries, 1 template, 0 profiles\./,
    );
    const wrong = writeAs(owner, join(project, 'wrong.yml'), 'backend: exec\nsecrets:\n  - {name: A, env: PATH}\n');
    const {code, stderr} = await command('secrets', 'check', '--secrets-file', wrong);
    expect(stderr).to.match(/wrong\.yml:3:15: secrets\[0\]\.env is a variable that changes how programs load/);
    expect(code).to.equal(78);
  });

  it('are not pulled by a program that nobody has agreed to', async () => {
    const {code, stderr} = await command('pull', ...vault.flags, '--no-shell');
    expect(stderr)
      .to.match(/runs the program \.\/store/)
      .and.to.include('--trust');
    expect(code).to.equal(77);
  });

  it('bring files, variables and templates into a vault that was closed, and leave a shell there', async () => {
    const shell = 'stat -Lc %a ~/secrets/kube/config; cat "$KUBECONFIG" ~/secrets/.env; echo "$API_TOKEN"; exit 7\n';
    const {code, stdout, stderr} = await tazpod(owner, ['pull', ...vault.flags, '--trust'], {
      cwd: project,
      stdin: shell,
    });
    expect(stdout, stderr).to.equal(
      'Pulled 3 files, 3 variables.\n600\napiVersion: v1\nTOKEN=hunter22-hunter22\nhunter22-hunter22\n',
    );
    expect(code).to.equal(7);
  });

  it('are there in the next session, byte for byte, in files, in variables, and for one command', async () => {
    const {stdout, stderr} = await inGhost(
      'printf %s "$BINARY" | od -An -tx1; tazpod get BINARY | cmp - ~/secrets/binary && echo same',
    );
    expect(stdout.replace(/\s+/g, ' '), stderr).to.equal(
      ` ${[...binary].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')} same `,
    );
  });

  it('cost nothing where nothing has changed, and are switched over where it has', async () => {
    answer({KUBE: 'apiVersion: v2\n', TOKEN: 'other-other'}, {BINARY: binary}, 'next.json');
    const {stdout, stderr} = await inGhost(`tazpod pull; cp next.json answer.json; tazpod secrets diff; tazpod pull`);
    expect(stdout, stderr)
      .to.match(/^Nothing has changed: 3 files, 3 variables\.$/m)
      .and.match(/^~ file kube\/config: changed, 15 bytes \w{8} → 15 bytes \w{8}$/m)
      .and.match(/^Pulled 3 files, 3 variables\.$/m)
      .and.not.include('other-other');
    expect((await inGhost('cat "$KUBECONFIG"; echo $API_TOKEN')).stdout).to.equal('apiVersion: v2\nother-other\n');
  });

  it('are given to a command as far as --only says, also from within', async () => {
    const names = 'env | grep -cE "^(API_TOKEN|KUBECONFIG)="';
    expect((await inGhost(names, '--only', 'API_TOKEN')).stdout).to.equal('1\n');
    expect((await inGhost(names, '--without-env')).stdout).to.equal('0\n');
    const within = `tazpod exec --only API_TOKEN -- sh -c '${names}'; tazpod exec --without-env -- sh -c '${names}'`;
    expect((await inGhost(within)).stdout).to.equal('1\n0\n');
    const missing = await inGhost('true', '--only', 'NOTHING');
    expect(missing).to.include({
      code: 78,
      stderr: 'error: No variable NOTHING was pulled.\n  Next: tazpod secrets list\n',
    });
  });

  it('are masked in the output of a command that is redacted', async () => {
    const {stdout, stderr, code} = await inGhost(
      'echo "token $API_TOKEN."; echo $API_TOKEN >&2; cat "$KUBECONFIG"; exit 5',
      '--redact',
    );
    expect({stdout, stderr, code}).to.deep.equal({stdout: 'token ***.\n***\n', stderr: '***\n', code: 5});
  });

  it('are listed by name, and what was done with them is written down', async () => {
    const {stdout} = await inGhost('tazpod secrets list; tazpod secrets log --json');
    expect(stdout).to.include('file      kube/config  pulled, 15 bytes').and.not.include('other-other');
    const log = JSON.parse(stdout.slice(stdout.indexOf('{\n'))) as {result: {action: string; names: string[]}[]};
    const actions = log.result.map(({action}) => action);
    expect(actions).to.include.members(['trust', 'pull', 'read']);
    expect(log.result.find(({action}) => action === 'pull')!.names).to.deep.equal(['BINARY', 'KUBE', 'TOKEN']);
  });

  it('are printed for a shell to evaluate, inside only', async () => {
    const script =
      'unset API_TOKEN; eval "$(tazpod env)"; echo $API_TOKEN; unset API_TOKEN; eval "$(tazpod __internal_env)"; echo $API_TOKEN';
    expect((await inGhost(script)).stdout).to.equal('other-other\nother-other\n');
    for (const words of [['env'], ['__internal_env'], ['get', 'API_TOKEN']]) {
      expect((await command(...words)).code, words.join(' ')).to.equal(77);
    }
  });

  it('stay as they were when the store has lost one, or fails', async () => {
    answer({KUBE: 'apiVersion: v3\n'}, {}, 'poor.json');
    const error = {kind: 'unreachable', what: 'The store is on the moon.'};
    writeAs(owner, join(project, 'error.json'), JSON.stringify({error}));
    const {stdout, stderr} = await inGhost(
      'cp poor.json answer.json; tazpod pull; echo $?; cp error.json answer.json; tazpod pull; echo $?; tazpod pull --offline-ok; echo $?; cat "$KUBECONFIG"',
    );
    expect(stderr)
      .to.include('error: The backend does not have TOKEN (mine:/), BINARY (mine:/).')
      .and.include('error: The store is on the moon.');
    expect(stdout).to.match(/^66\n69\nOffline: using 3 files, 3 variables, last checked .*\n0\napiVersion: v2\n$/);
  });

  it('are set in no session of an account that has not pulled them, until it says so', async () => {
    const marks = join(owner.home, '.local/share/tazpod/vaults');
    renameSync(marks, `${marks}.away`);
    const withheld = await inGhost('echo "<$API_TOKEN>"; tazpod env');
    expect(withheld.stdout).to.equal('<>\n');
    expect(withheld.stderr)
      .to.include('tazpod: the variables in this vault are not set: this account did not pull them.')
      .and.include('error: This account did not pull the secrets in this vault on this machine.');
    expect((await inGhost('tazpod env --trust > /dev/null')).code).to.equal(0);
    expect(await inGhost('echo "<$API_TOKEN>"')).to.include({stdout: '<other-other>\n', stderr: ''});
  });

  it('stop the pull, and leave the .env file alone, if readers disagree about a value', async () => {
    const unsure = join(project, 'unsure');
    mkdirSync(unsure);
    chownTo(owner, unsure);
    writeAs(owner, join(unsure, 'secrets.yml'), 'backend: dotenv\nsecrets: [{folder: /, env-prefix: ""}]\n');
    writeAs(owner, join(unsure, '.env'), 'DB_PASSWORD=#hunter2\n');
    const {code, stdout, stderr} = await inGhost(
      `tazpod pull --secrets-file ${unsure}/secrets.yml --replace --remove-sources; echo "ended with $?"; cat ${unsure}/.env`,
    );
    expect(code).to.equal(0);
    expect(stdout).to.equal('ended with 69\nDB_PASSWORD=#hunter2\n');
    expect(stderr).to.include('.env:1 DB_PASSWORD').and.not.to.include('hunter2');
  });

  it('come from .env files too, which are removed on request if all of them are in the vault', async () => {
    writeAs(owner, join(project, 'env.yml'), 'backend: dotenv\nsecrets: [{folder: /, env-prefix: ""}]\n');
    writeAs(owner, join(project, '.env'), "# mine\nexport LEGACY='it is legacy'\nOTHER=1\n");
    const pulled = 'tazpod pull --secrets-file env.yml';
    const {stdout, stderr} = await inGhost(
      `${pulled}; ${pulled} --replace; ls .env; ${pulled} --remove-sources; ls .env; tazpod get LEGACY; ${pulled}`,
    );
    expect(stderr)
      .to.include('This vault was pulled with another secrets.yml.')
      .and.include('/.env" still contains secrets of the vault in plain text')
      .and.include('/.env". Copies may remain in backups')
      .and.include("cannot access '.env'");
    expect(stdout).to.equal(
      'Pulled 0 files, 2 variables.\n.env\nNothing has changed: 0 files, 2 variables.\nit is legacyNothing has changed: 0 files, 2 variables.\n',
    );
  });

  it('are nowhere outside', async () => {
    const ours = `find ~ /tmp /var/tmp /dev/shm -xdev -user ${owner.uid} -type f -size -1M -not -path '*/node_modules/*'`;
    const {stdout} = await runAs(owner, [
      'sh',
      '-c',
      `${ours} -exec grep -laE 'hunter22|other-other|is legacy' {} + 2>/dev/null; ls ~/secrets`,
    ]);
    expect(stdout).to.equal('');
  });
});

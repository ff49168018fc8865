import {existsSync, mkdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {givePlugins} from '../bed/plugins.ts';
import {openSession} from '../bed/session.ts';
import {type Entered, openRecorder, type Recorder} from '../bed/transcript.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';

/** A session that a user looks at, in `NAME.txt` beside this file. */
type Scene = {
  readonly name: string;
  /** Below the home. Default: the project that has a vault. */
  readonly folder?: 'empty' | 'new' | 'project';
  /** Whether somebody has the vault open meanwhile. */
  readonly open?: boolean;
  readonly lines: readonly Entered[];
};

let vault: TestVault;

/** Of the vault that `create` makes. */
const passphrase = 'orange kettle planet dust';
const asked = /^Passphrase for [^\n]*: ?\n*$/m;
const unlock = (...words: readonly string[]): Entered => ({
  line: ['tazpod unlock', ...words].join(' '),
  answers: [[asked, () => vault.passphrase]],
});

const secretsFile = `backends:
  env: {type: dotenv, files: [.env]}
secrets:
  - {name: API_TOKEN, env: API_TOKEN}
  - {name: KUBECONFIG, file: kube/config}
`;

const scenes: readonly Scene[] = [
  {name: 'help', folder: 'empty', lines: ['tazpod help']},
  {name: 'help-of-a-command', folder: 'empty', lines: ['tazpod exec --help']},
  {name: 'version', folder: 'empty', lines: ['tazpod --version']},
  {name: 'mistyped-command', folder: 'empty', lines: ['tazpod unlcok', 'echo $?']},
  {name: 'missing-vault', folder: 'empty', lines: ['tazpod status', 'tazpod exec -- make', 'echo $?']},
  {name: 'init', folder: 'new', lines: ['tazpod init', 'tazpod init', 'ls -A']},
  {
    name: 'create',
    folder: 'new',
    lines: [
      {
        line: 'tazpod vault create --size 32M',
        answers: [
          [/^New passphrase for [^\n]*: ?\n*$/m, passphrase],
          [/^Repeat passphrase: ?\n*$/m, passphrase],
        ],
      },
    ],
  },
  {name: 'unlock', lines: [unlock(), 'echo hello > ~/secrets/note', 'exit']},
  {
    name: 'wrong-passphrase',
    lines: [
      {
        line: 'tazpod unlock',
        answers: [1, 2, 3].map((count) => [new RegExp(`(Passphrase for[^]*){${count}}`), `wrong ${count}`]),
      },
      'echo $?',
    ],
  },
  {
    name: 'exec',
    lines: [
      {line: 'tazpod exec -- cat ~/secrets/note', answers: [[asked, () => vault.passphrase]]},
      'tazpod exec --passphrase-file ~/passphrase -- sh -c "exit 3"',
      'echo $?',
    ],
  },
  {name: 'status-locked', lines: ['tazpod status', 'tazpod status --json', 'tazpod vault list']},
  {name: 'status-open', open: true, lines: ['tazpod status', 'tazpod unlock --no-join']},
  {
    name: 'vault-names',
    lines: ['tazpod vault add work', 'tazpod vault list', 'tazpod status --vault wrok', 'tazpod vault forget work'],
  },
  {name: 'list', open: true, lines: ['tazpod vault list']},
  {name: 'lock', open: true, lines: ['tazpod lock', 'tazpod lock', 'echo $?']},
  // What else it says depends on the machine.
  {name: 'doctor', lines: ['tazpod doctor | grep -E "^. (Privileged|Mount point)"']},
  {
    name: 'secrets',
    lines: [
      'cat secrets.yml',
      'tazpod secrets check',
      unlock('--quiet'),
      {line: 'tazpod pull', answers: [[/Remove the file\? \[y\/N\] ?\n*$/m, '']]},
      'tazpod secrets list',
      'tazpod get API_TOKEN; echo',
      'exit',
    ],
  },
  {name: 'plugins', lines: ['tazpod plugins']},
  {name: 'config', lines: ['tazpod config']},
  {
    name: 'shell-and-completion',
    lines: ['tazpod shell install bash', 'tail -n 3 ~/.bashrc', '. ~/.bashrc', 'tazpod vault cr\t--help | head -n 1'],
  },
];

const update = process.env['UPDATE_GOLDEN'] === '1';

/** `UPDATE_GOLDEN=1 npm run test:only -- test/golden` writes the files. Review the diff. */
describe('The transcript', function () {
  this.timeout(300_000);
  let owner: BedUser;
  let recorder: Recorder;

  before(async function () {
    needsRoot(this);
    owner = makeOwner();
    const made = await makeVault(owner);
    const image = join(owner.home, 'project/.tazpod-vault/vault.img');
    vault = {...made, image, flags: ['--image', image, ...made.flags.slice(2)]};
    for (const folder of ['empty', 'new', 'project', 'project/.tazpod-vault']) {
      mkdirSync(join(owner.home, folder), {mode: 0o700});
      chownTo(owner, join(owner.home, folder));
    }
    renameSync(made.image, vault.image);
    writeAs(owner, join(owner.home, 'passphrase'), vault.passphrase);
    writeAs(owner, join(owner.home, 'project/secrets.yml'), secretsFile);
    writeAs(owner, join(owner.home, 'project/.env'), "API_TOKEN='hunter22'\nKUBECONFIG='apiVersion: v1'\n");
    givePlugins(owner, 'tazpod-bash', 'tazpod-dotenv');
    recorder = await openRecorder(owner);
  });

  after(() => recorder.close());

  afterEach(() => expectNothingLeft(vault, {terminal: recorder.path}));

  for (const {name, folder = 'project', open = false, lines} of scenes) {
    it(`of ${name.replaceAll('-', ' ')} is what a user sees`, async () => {
      const path = join(import.meta.dirname, `${name}.txt`);
      const session = open ? await openSession(vault) : undefined;
      const seen = await recorder.record(join(owner.home, folder), lines);
      await session?.leave();
      if (update) writeFileSync(path, seen);
      expect(seen).to.equal(existsSync(path) ? readFileSync(path, 'utf8') : '');
    });
  }
});

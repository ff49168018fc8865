import {mkdtempSync, readFileSync, rmdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {encipherElsewhere, mkfsElsewhere, must} from '../bed/elsewhere.ts';
import {findLeftovers} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {tazpod} from '../bed/run.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {planVault} from '../bed/vault.ts';
import {ExternalJournal, superblockIn} from '../engines/external-journal.ts';
import {type Row, testRows} from './matrix.ts';

/** A device of root's, and a file system in the clear that names it as its journal. */
type Prepared = {
  readonly owner: BedUser;
  readonly journal: ExternalJournal;
  readonly vault: ReturnType<typeof planVault>;
};

const rows: readonly Row<Prepared>[] = [
  {
    attack:
      'opens a vault whose file system names a block device of root’s as its journal, and has the kernel write to it',
    expected: 'refused',
    without: 'a look at the superblock: the same file system, mounted by root',
    async run({owner, journal, vault}) {
      const before = journal.content;
      encipherElsewhere(vault);
      const {code, stderr} = await tazpod(owner, ['exec', ...vault.flags, '--', 'true']);
      const gone = async () => {
        const left = await findLeftovers(vault);
        // The journal is a loop device of the test's own.
        const devices = left.devices.filter(({sentence}) => !sentence.includes('of-somebody-else'));
        return left.vault.length + devices.length === 0;
      };
      await until('nothing of the vault is left', gone, {withinMs: 20_000});
      const words = 'keeps its journal outside of the vault';
      return {got: journal.content !== before || code !== 65 || !stderr.includes(words), what: `${code}: ${stderr}`};
    },
    control({owner, journal, vault}) {
      const before = journal.content;
      prepare(vault, journal, owner);
      const folder = mkdtempSync(join(owner.home, 'by-hand-'));
      must('mount', ['-o', 'loop', vault.image, folder]);
      must('umount', [folder]);
      rmdirSync(folder);
      return Promise.resolve({got: journal.content !== before, what: 'the device of root’s'});
    },
  },
];

describe('A file system with a journal elsewhere', function () {
  this.timeout(120_000);
  let prepared: Prepared;

  before(function () {
    needsRoot(this);
    const owner = makeOwner();
    prepared = {owner, journal: new ExternalJournal(owner.home), vault: planVault(owner)};
    prepare(prepared.vault, prepared.journal, owner);
  });

  after(function () {
    if (process.getuid!() === 0) prepared.journal.remove();
  });

  testRows('A file system with a journal elsewhere', rows, () => prepared);
});

function prepare(vault: Prepared['vault'], journal: ExternalJournal, owner: BedUser): void {
  // Without checksums the superblock may be changed by hand.
  mkfsElsewhere(vault, ['-O', '^metadata_csum', '-E', `root_owner=${owner.uid}:${owner.gid}`]);
  const plain = readFileSync(vault.image);
  journal.nameIn(superblockIn(plain));
  writeFileSync(vault.image, plain);
}

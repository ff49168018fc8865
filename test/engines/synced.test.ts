import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import {
  descendantsOf,
  identifyProcess,
  isAlive,
  signalProcess,
  type ProcessIdentity,
} from '../../src/kernel/process.ts';
import {readCommandLine} from '../../src/kernel/process-record.ts';
import {skip} from '../skip.ts';
import {eventually} from './eventually.ts';
import {Image} from './fuse/image.ts';
import {VaultProcess} from './opened-vault.ts';

/** How often each way to sync meets each death: `npm run test:sync` takes fifty. */
const rounds = Number(process.env['SYNC_ROUNDS'] ?? 1);

/** What docs/SECURITY.md promises of what fuse2fs is not told of. */
const boundMs = 1000;

/** Ways to sync a record that reach fuse2fs: it is safe as soon as they return. */
const told = {
  fsync: 'echo $v | dd of="$f" conv=fsync status=none',
  fdatasync: 'echo $v | dd of="$f" conv=fdatasync status=none',
  'a write with O_SYNC': 'echo $v | dd of="$f" oflag=sync status=none',
  'a write with O_DSYNC': 'echo $v | dd of="$f" oflag=dsync status=none',
  'fsync by a rename of a synced file': 'echo $v | dd of="$f.new" conv=fsync status=none; mv "$f.new" "$f"',
} as const;

/** Ways that the kernel does not tell it of, or that it ignores; and not syncing at all. */
const untold = {
  'sync(2)': 'echo $v >"$f"; sync',
  'sync(2) of a file that is kept open': 'exec 7>"$f"; echo $v >&7; sync; sleep 9 7>&7 & exec 7>&-',
  'fsync of a file open for reading': 'echo $v >"$f"; sync "$f"',
  'fdatasync of a file open for reading': 'echo $v >"$f"; sync --data "$f"',
  'fsync of a directory': 'echo $v >"$f.new"; mv "$f.new" "$f"; sync "$(dirname "$f")"',
  'syncfs(2)': 'echo $v >"$f"; sync --file-system "$f"',
  'no sync': 'echo $v >"$f"',
  'no sync of what was there before': 'echo old >"$f"; sync; sleep 0.7; echo $v >"$f"',
} as const;

/** Whom SIGKILL reaches first, by the command line. */
const victims: Readonly<Record<string, RegExp | undefined>> = {
  'the ghost': /vault-process/,
  'the block server': /server-process/,
  fuse2fs: /^\/usr\/\S+\/fuse2fs /,
  "fuse2fs' keeper": /trap end TERM/,
  'the flusher': /while read/,
  everything: undefined,
};

describe('What was written to a vault on fuse2fs', function () {
  this.timeout(30_000 * rounds + 30_000);
  let image: Image;
  let vault: VaultProcess;

  before(function () {
    if (process.getuid!() !== 0) skip(this, 'the tests are not run by root');
  });

  beforeEach(async () => {
    image = new Image({sizeBytes: 32 * 1024 * 1024});
    vault = new VaultProcess();
    await vault.attach(image);
    await vault.tell({do: 'mkfs', uid: 0, gid: 0});
  });

  afterEach(async () => {
    await vault.kill();
    image.remove();
  });

  /** Writes a record each way, waits between the two, and returns which are lost after the death and an opening. */
  async function survive(
    victim: string,
    {first, then, without}: {first: Ways; then: Ways; without?: string},
  ): Promise<string[]> {
    const {path} = await vault.tell<{path: string}>({do: 'mount', driver: 'fuse2fs'});
    if (without !== undefined) await kill(chosenOf(vault, without));
    const value = String(process.hrtime.bigint());
    const write = async (ways: Ways) => {
      for (const [name, way] of Object.entries(ways)) {
        await vault.run(`v=${value}; f="${path}/${name}"; { ${way}; } >/dev/null 2>&1`);
      }
    };
    await write(first);
    await sleep(boundMs);
    await write(then);
    await die(vault, victim);
    vault = new VaultProcess();
    await vault.attach(image);
    expect(await vault.tell({do: 'check', imagePath: image.path})).to.be.oneOf(['clean', 'mended']);
    const again = await vault.tell<{path: string}>({do: 'mount', driver: 'fuse2fs'});
    const lost: string[] = [];
    for (const name of Object.keys({...first, ...then})) {
      if ((await vault.run(`cat "${again.path}/${name}"`)).stdout !== `${value}\n`) lost.push(name);
    }
    await vault.tell({do: 'unmount', graceMs: 5000});
    return lost;
  }

  it('is lost without the flusher, although sync(2) returned: the control', async () => {
    const {'sync(2) of a file that is kept open': way} = untold;
    expect(await survive('everything', {first: {way}, then: {}, without: 'the flusher'})).to.deep.equal(['way']);
  });

  for (const victim of Object.keys(victims)) {
    it(`survives SIGKILL to ${victim}: at once if a sync reached fuse2fs, else after a second`, async () => {
      for (let round = 0; round < rounds; round++) {
        expect(await survive(victim, {first: untold, then: told})).to.deep.equal([]);
      }
    });
  }
});

type Ways = Readonly<Record<string, string>>;

/** Kills, and waits until the whole vault is gone: the ghost is killed with it, if it is not among them. */
async function die(vault: VaultProcess, victim: string): Promise<void> {
  const all = chosenOf(vault, 'everything');
  await kill(chosenOf(vault, victim));
  await vault.kill();
  await eventually('everything is gone', () => all.every((one) => !isAlive(one)));
}

async function kill(chosen: readonly ProcessIdentity[]): Promise<void> {
  for (const one of chosen) signalProcess(one, 'SIGKILL');
  await eventually('they are dead', () => chosen.every((one) => !isAlive(one)));
}

function chosenOf(vault: VaultProcess, victim: string): ProcessIdentity[] {
  const all = [identifyProcess(vault.pid)!, ...descendantsOf(vault.pid)];
  const pattern = victims[victim];
  const chosen =
    pattern === undefined ? all : all.filter(({pid}) => pattern.test((readCommandLine(pid) ?? []).join(' ')));
  expect(chosen, victim).not.to.deep.equal([]);
  return chosen;
}

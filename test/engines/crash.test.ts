import {spawn, type ChildProcess} from 'node:child_process';
import {randomInt} from 'node:crypto';
import {once} from 'node:events';
import {setTimeout as sleep} from 'node:timers/promises';
import {text} from 'node:stream/consumers';
import {expect} from 'chai';
import {readLoopDevices} from '../../src/kernel/loop.ts';
import {readMounts} from '../../src/kernel/mountinfo.ts';
import {
  descendantsOf,
  identifyProcess,
  isAlive,
  signalProcess,
  type ProcessIdentity,
} from '../../src/kernel/process.ts';
import {skip} from '../skip.ts';
import {eventually} from './eventually.ts';
import {fuseConnections} from './fuse/connections.ts';
import {Image} from './fuse/image.ts';
import {VaultProcess, type Isolation} from './opened-vault.ts';

/** How often each kind of end is tried: more by hand than in every run of the tests. */
const rounds = Number(process.env['CRASH_ROUNDS'] ?? 3);

/** Whom the signals reach, in this order. */
const victims = {
  'the server': (server: ProcessIdentity) => [server],
  'everything, the server first': (server: ProcessIdentity, others: ProcessIdentity[]) => [server, ...others],
  'everything, the server last': (server: ProcessIdentity, others: ProcessIdentity[]) => [...others, server],
} as const;

describe('a vault under a program that writes, when it is killed', () => {
  let image: Image;
  let vault: VaultProcess;

  before(function () {
    if (process.getuid!() !== 0) skip(this, 'the tests are not run by root');
  });

  afterEach(async () => {
    await vault.kill();
    image.remove();
  });

  for (const [driver, isolation] of [
    ['any', 'root'],
    ['fuse2fs', 'root'],
    ['any', 'user namespace'],
  ] as const satisfies readonly (readonly ['any' | 'fuse2fs', Isolation])[]) {
    for (const [victim, choose] of Object.entries(victims)) {
      const how = driver === 'any' && isolation === 'root' ? 'ext4 of the kernel' : `fuse2fs, ${isolation}`;

      it(`keeps what was synced when ${victim} is killed, leaves nothing, and opens again (${how})`, async function () {
        this.timeout(120_000);
        image = new Image({sizeBytes: 64 * 1024 * 1024});
        let synced: number[] = [];
        for (let round = 0; round < rounds; round++) {
          vault = new VaultProcess(isolation);
          await vault.attach(image);
          if (round === 0) await vault.tell({do: 'mkfs', uid: 0, gid: 0});
          expect(await vault.tell({do: 'check', imagePath: image.path})).to.be.oneOf(['clean', 'mended']);
          const {path} = await vault.tell<{path: string}>({do: 'mount', driver});
          if (round > 0) expect(await brokenFiles(vault, `${path}/${round - 1}`, synced)).to.equal('[]');
          const kernelDevices = devicesOf(vault.pid, image.folder);

          await vault.run(`rm -rf ${path}/${round - 1}; mkdir ${path}/${round}`);
          const writer = inside(vault, 'syncing-writer.ts', [`${path}/${round}`]);
          let said = '';
          writer.stdout!.setEncoding('utf8').on('data', (text: string) => (said += text));
          await once(writer.stdout!, 'data');
          // At any moment: what is killed is in the middle of something else each time.
          await sleep(randomInt(300));

          const server = identifyProcess(vault.serverPid)!;
          const all = [vault.pid, writer.pid!].flatMap((pid) => [identifyProcess(pid)!, ...descendantsOf(pid)]);
          const others = all.filter(({pid}) => pid !== server.pid);
          const writerEnded = once(writer, 'close');
          for (const one of choose(server, others)) signalProcess(one, 'SIGKILL');
          await writerEnded;
          await vault.kill();
          await eventually('every process is gone', () => all.every((one) => !isAlive(one)));
          await eventually('nothing of the kernel is left', () => !kernelDevices.some(stillThere));
          const whole = said.slice(0, said.lastIndexOf('\n'));
          synced = whole.split('\n').map(Number);
        }
        expect(synced.length).to.be.greaterThan(0);
      });
    }
  }
});

/** Starts one of the scripts beside this file in the namespaces of a vault. */
function inside(vault: VaultProcess, script: string, args: readonly string[]): ChildProcess {
  const path = new URL(`../children/${script}`, import.meta.url).pathname;
  const namespaces = ['--target', String(vault.pid), '--user', '--preserve-credentials', '--mount'];
  // The namespace of the machine's users cannot be entered again.
  if (vault.isolation === 'root') namespaces.splice(2, 2);
  return spawn('nsenter', [...namespaces, '--', process.execPath, path, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function brokenFiles(vault: VaultProcess, folder: string, numbers: readonly number[]): Promise<string> {
  const reader = inside(vault, 'synced-reader.ts', [folder, JSON.stringify(numbers)]);
  return text(reader.stdout!);
}

/** The loop devices and FUSE connections that a process has mounted below a directory. */
function devicesOf(pid: number, folder: string): {major: number; minor: number}[] {
  return readMounts(pid).filter(({mountPoint, fsType}) => mountPoint.startsWith(folder) && fsType !== 'tmpfs');
}

function stillThere({major, minor}: {major: number; minor: number}): boolean {
  if (major === 7) return readLoopDevices().some(({name}) => name === `loop${minor}`);
  return fuseConnections().includes(minor);
}

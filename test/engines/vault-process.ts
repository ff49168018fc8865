// A process that opens vaults, for tests: what it does is told on its standard input, one JSON object a line, and each
// is answered by one line on standard output. It runs in a mount namespace of its own, so that whatever happens to it,
// the machine's table of mounts is not touched.
import {closeSync, mkdirSync, openSync} from 'node:fs';
import {syncBuiltinESMExports} from 'node:module';
import {createInterface} from 'node:readline';
import workerThreads from 'node:worker_threads';
import type {AttachedDevice, CryptSegment} from '../../src/engines/engine.ts';
import type {MountedFileSystem} from '../../src/engines/mounted-file-system.ts';

/** The worker threads of the block server, so that one can be killed. */
const workers: workerThreads.Worker[] = [];
workerThreads.Worker = class extends workerThreads.Worker {
  constructor(...args: ConstructorParameters<typeof workerThreads.Worker>) {
    super(...args);
    workers.push(this);
  }
};
syncBuiltinESMExports();

const {checkFileSystem, makeFileSystem} = await import('../../src/engines/ext4.ts');
const {mountFileSystem, moveMount} = await import('../../src/engines/file-system.ts');
const {fuseEngine} = await import('../../src/engines/fuse/engine.ts');
const {mountByFuse2fs} = await import('../../src/engines/fuse2fs-driver.ts');
const {run} = await import('../../src/kernel/program.ts');

/** What the process can be told. */
export type Order =
  | {do: 'attach'; image: string; segment: Omit<CryptSegment, 'ivTweak'>; ivTweak: string; key: string; folder: string}
  | {do: 'mkfs'; uid: number; gid: number}
  | {do: 'check'; imagePath: string}
  | {do: 'mount'; driver: 'any' | 'fuse2fs'; moveTo?: string}
  | {do: 'unmount'; graceMs?: number}
  | {do: 'detach'; graceMs?: number}
  | {do: 'run'; command: string}
  | {do: 'killWorker'}
  | {do: 'exit'; code: number}
  | {do: 'throw'};

let device: AttachedDevice | undefined;
let fileSystem: MountedFileSystem | undefined;
let folder = '';
let imageFd: number | undefined;

async function obey(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'attach': {
      folder = order.folder;
      imageFd = openSync(order.image, 'r+');
      const volumeKey = Buffer.from(order.key, 'hex');
      const segment = {...order.segment, ivTweak: BigInt(order.ivTweak)};
      const attached = fuseEngine.attach({imageFd, segment, volumeKey, folder});
      volumeKey.fill(0);
      device = await attached;
      void device.ended.then(({how, error}) => {
        process.stdout.write(`${JSON.stringify({ended: how, error: error?.message})}\n`);
      });
      return {path: device.path, sizeBytes: device.sizeBytes};
    }
    case 'mkfs':
      return makeFileSystem(device!, order);
    case 'check':
      return checkFileSystem(device!, order.imagePath);
    case 'mount': {
      const staged = `${folder}/fs`;
      mkdirSync(staged, {recursive: true});
      const mount = order.driver === 'any' ? mountFileSystem : mountByFuse2fs;
      fileSystem = await mount(device!, staged);
      if (order.moveTo !== undefined) {
        const target = openSync(order.moveTo, 'r');
        await moveMount(staged, target);
        closeSync(target);
      }
      return {driver: fileSystem.driver, device: fileSystem.device, path: order.moveTo ?? staged};
    }
    case 'unmount':
      return fileSystem!.unmount(order);
    case 'detach':
      return device!.detach(order);
    case 'run': {
      const {code, stdout, stderr} = await run('sh', ['-c', order.command]);
      return {code, stdout: stdout.toString(), stderr: stderr.toString()};
    }
    case 'killWorker':
      void workers[0]!.terminate();
      return undefined;
    case 'exit':
      process.exit(order.code);
      break;
    case 'throw':
      setImmediate(() => {
        throw new Error('thrown on purpose');
      });
      return new Promise(() => {});
  }
}

createInterface({input: process.stdin})
  .on('line', (line) => {
    const {id, ...order} = JSON.parse(line) as {id: number} & Order;
    obey(order).then(
      (result) => process.stdout.write(`${JSON.stringify({id, result})}\n`),
      (error: unknown) => process.stdout.write(`${JSON.stringify({id, failure: sayable(error)})}\n`),
    );
  })
  .on('close', () => {
    // Whoever gave the orders has gone.
    process.kill(process.pid, 'SIGKILL');
  });

function sayable(error: unknown): unknown {
  if (!(error instanceof Error)) return {what: String(error)};
  return 'toJSON' in error ? error : {what: error.message, stack: error.stack};
}

// A process that opens vaults, for tests: its orders come on its standard input, one JSON object a line, and each
// is answered by one line on standard output. It runs in a mount namespace of its own, so that if anything happens to
// it, the machine's table of mounts is not touched.
import {randomUUID} from 'node:crypto';
import {closeSync, mkdirSync, openSync} from 'node:fs';
import {createInterface} from 'node:readline';
import type {AttachedDevice, CryptSegment} from '../../src/engines/engine.ts';
import {checkFileSystem, makeFileSystem} from '../../src/engines/ext4.ts';
import {mountFileSystem, moveMount} from '../../src/engines/file-system.ts';
import {fuseEngine} from '../../src/engines/fuse/engine.ts';
import {mountByFuse2fs} from '../../src/engines/fuse2fs-driver.ts';
import type {MountedFileSystem} from '../../src/engines/mounted-file-system.ts';
import {run} from '../../src/kernel/program.ts';
import {Failure} from '../../src/foundation/failure.ts';

/** The orders that the process takes. */
export type Order =
  | {
      do: 'attach';
      image: string;
      segment: Omit<CryptSegment, 'ivTweak'>;
      ivTweak: string;
      key: string;
      folder: string;
    }
  | {do: 'mkfs'; uid: number; gid: number}
  | {do: 'check'; imagePath: string}
  | {do: 'mount'; driver: 'any' | 'fuse2fs'; moveTo?: string}
  | {do: 'unmount'; graceMs?: number}
  | {do: 'detach'; graceMs?: number}
  | {do: 'run'; command: string};

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
      const attached = fuseEngine.attach({
        imageFd,
        readOnly: false,
        segment,
        luksUuid: randomUUID(),
        volumeKey,
        folder,
      });
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
      return {driver: fileSystem.driver, path: order.moveTo ?? staged};
    }
    case 'unmount':
      return fileSystem!.unmount(order);
    case 'detach':
      return device!.detach(order);
    case 'run': {
      const {code, stdout, stderr} = await run('sh', ['-c', order.command]);
      return {code, stdout: stdout.toString(), stderr: stderr.toString()};
    }
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
    // The process that gave the orders is gone.
    process.exit(0);
  });

function sayable(error: unknown): unknown {
  if (!(error instanceof Error)) return {what: String(error)};
  if (error instanceof Failure) return {...error.toJSON(), cause: String(error.cause)};
  return {what: error.message, stack: error.stack};
}

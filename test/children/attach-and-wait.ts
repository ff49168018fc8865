// Attaches an image by the dm-crypt engine, says so, and waits to be killed. Argument: what to attach, as JSON. The
// volume key comes on standard input.
import {openSync, readSync} from 'node:fs';
import {dmCryptEngine} from '../../src/engines/dm-crypt/engine.ts';
import type {CryptSegment} from '../../src/engines/engine.ts';

/** Its orders. */
export type Task = {
  readonly image: string;
  readonly segment: Omit<CryptSegment, 'ivTweak'>;
  readonly luksUuid: string;
  readonly keyBytes: number;
  /** Whether it stays as it is before its file system is mounted. */
  readonly pinned: boolean;
};

const {image, segment, luksUuid, keyBytes, pinned} = JSON.parse(process.argv[2]!) as Task;
const volumeKey = Buffer.alloc(keyBytes);
readSync(0, volumeKey);
try {
  const attached = dmCryptEngine.attach({
    imageFd: openSync(image, 'r+'),
    readOnly: false,
    segment: {...segment, ivTweak: 0n},
    luksUuid,
    volumeKey,
    folder: '/nowhere',
  });
  volumeKey.fill(0);
  const device = await attached;
  if (!pinned) await device.followImage();
  process.stdout.write(`${device.path}\n`);
  setInterval(() => {}, 1000);
} catch (error) {
  process.stdout.write(`${JSON.stringify(error)}\n`);
}

// Attaches an image by the dm-crypt engine, says so, and waits to be killed. Argument: what to attach, as JSON.
import {openSync} from 'node:fs';
import {dmCryptEngine} from '../../../src/engines/dm-crypt/engine.ts';
import type {CryptSegment} from '../../../src/engines/engine.ts';

/** What it is told. */
export type Task = {
  readonly image: string;
  readonly segment: Omit<CryptSegment, 'ivTweak'>;
  readonly luksUuid: string;
  readonly volumeKey: string;
};

const {image, segment, luksUuid, volumeKey} = JSON.parse(process.argv[2]!) as Task;
try {
  const {path} = await dmCryptEngine.attach({
    imageFd: openSync(image, 'r+'),
    segment: {...segment, ivTweak: 0n},
    luksUuid,
    volumeKey: Buffer.from(volumeKey, 'hex'),
    folder: '/nowhere',
  });
  process.stdout.write(`${path}\n`);
  setInterval(() => {}, 1000);
} catch (error) {
  process.stdout.write(`${JSON.stringify(error)}\n`);
}

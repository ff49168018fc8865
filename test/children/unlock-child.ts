// Makes or unlocks an image in a process of its own, for tests of who does it and under which limits:
//   unlock-child.ts format|unlock IMAGE FOLDER     the key on standard input; prints what came of it as JSON
import {closeSync, openSync, readFileSync} from 'node:fs';
import {Failure} from '../../src/foundation/failure.ts';
import {format, testPassphrase, unlockVolumeKey} from '../../src/luks/cryptsetup.ts';
import {openNamelessFile, readVettedHeader} from '../../src/luks/private-copy.ts';

const [task, image, folder] = process.argv.slice(2);
const key = readFileSync(0);

async function perform(): Promise<unknown> {
  const fd = openSync(image!, task === 'format' ? 'r+' : 'r');
  if (task === 'format') {
    await format(fd, key, {pbkdf: 'pbkdf2', pbkdfForceIterations: 1000});
    return {outcome: 'formatted'};
  }
  const vetted = readVettedHeader(fd, openNamelessFile('/dev/shm'), {memoryLimitKiB: 4 * 1024 * 1024});
  closeSync(fd);
  const passes = await testPassphrase(vetted, key);
  const {outcome} = await unlockVolumeKey(vetted, key, folder!);
  return {outcome, passes};
}

try {
  console.log(JSON.stringify(await perform()));
} catch (error) {
  console.log(JSON.stringify(error instanceof Failure ? error : {error: String(error)}));
}

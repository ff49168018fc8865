// Writes files until it no longer can, and says the number of each as soon as it is synced. File N holds N, repeated.
import {closeSync, fsyncSync, mkdirSync, openSync, writeSync} from 'node:fs';
import {contentOf, pathOf} from '../engines/synced-files.ts';

const folder = process.argv[2]!;
for (let number = 0; ; number++) {
  try {
    if (number % 50 === 0) mkdirSync(`${folder}/${Math.floor(number / 50)}`, {recursive: true});
    const fd = openSync(`${folder}/${pathOf(number)}`, 'w');
    writeSync(fd, contentOf(number));
    // Of this one only, so that there is always something in memory that is not on the image.
    if (number % 2 === 0) {
      fsyncSync(fd);
      process.stdout.write(`${number}\n`);
    }
    closeSync(fd);
  } catch {
    process.exit();
  }
}

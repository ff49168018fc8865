// Reads the files that a writer has synced, their numbers in the second argument, and says which are not whole.
import {readFileSync} from 'node:fs';
import {contentOf, pathOf} from '../engines/synced-files.ts';

const [, , folder, numbers] = process.argv;
const broken = (JSON.parse(numbers!) as number[]).filter((number) => {
  try {
    return !readFileSync(`${folder!}/${pathOf(number)}`).equals(contentOf(number));
  } catch {
    return true;
  }
});
process.stdout.write(JSON.stringify(broken));

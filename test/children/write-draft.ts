import {openSync, writeSync} from 'node:fs';
import {type HeaderDraft, readHeaderSource, writeDraft, type WrittenPart} from '../../src/luks/header-draft.ts';

/**
 * Writes a draft that another process has made: `IMAGE DRAFT [PART]`. With a part it kills itself behind that one; it says
 * a word before it begins.
 */
const [image, draft, part] = process.argv.slice(2) as [string, string, WrittenPart?];
const imageFd = openSync(image, 'r+');
const fd = openSync(draft, 'r');
const source = readHeaderSource(imageFd);
const made = {fd, source, vetted: {whole: readHeaderSource(fd).header}} as HeaderDraft;
writeSync(1, 'go\n');
writeDraft(imageFd, made, (written) => {
  if (written === part) process.kill(process.pid, 'SIGKILL');
});

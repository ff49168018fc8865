import {fstatSync, readlinkSync} from 'node:fs';
import {basename} from 'node:path';

/** Where an open image is: at its path, under another one, or no longer anywhere. */
export type ImagePlace =
  {readonly is: 'there'} | {readonly is: 'moved'; readonly to: string} | {readonly is: 'removed'};

/** What a file system on the network, or in user space, names a file that was removed while it is open. */
const removedNames = /^\.(nfs|fuse_hidden)[0-9a-f]+$/;
const deleted = ' (deleted)';
const pollMs = 1000;

/**
 * Where the image of a descriptor is, by the kernel's own word: no path is looked up, so no file system of a user's can
 * make the ghost wait. `openedAs` is what `nameOf` said when the image was opened.
 */
export function placeOf(imageFd: number, openedAs: string): ImagePlace {
  const name = nameOf(imageFd);
  if (fstatSync(imageFd).nlink === 0 || removedNames.test(basename(name))) return {is: 'removed'};
  // A file that was made without a name has none here, even if it was linked.
  if (name === openedAs || openedAs.endsWith(deleted)) return {is: 'there'};
  return {is: 'moved', to: name.endsWith(deleted) ? 'another name' : name};
}

/** What the kernel calls the file of a descriptor. */
export function nameOf(fd: number): string {
  return readlinkSync(`/proc/self/fd/${fd}`);
}

/** Tells, once each time it changes, that the image is not where it was. Returns what ends the watch. */
export function watchImage(imageFd: number, openedAs: string, tell: (place: ImagePlace) => void): () => void {
  let last = 'there';
  const timer = setInterval(() => {
    const place = placeOf(imageFd, openedAs);
    if (place.is === last) return;
    last = place.is;
    tell(place);
  }, pollMs);
  return () => clearInterval(timer);
}

import {existsSync, fstatSync, statfsSync, statSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {shellWord} from '../foundation/shell-word.ts';
import {error, orFine, type VaultFinding, warning} from './check-finding.ts';
import {formatSize} from './size.ts';

/** File systems by the magic numbers of linux/magic.h, and what they mean for an image. */
const places: ReadonlyMap<number, readonly [id: string, detail: string]> = new Map([
  [0x01021994, ['memory', 'The image lies in memory (tmpfs) and is gone with the next restart.']],
  [0x858458f6, ['memory', 'The image lies in memory (ramfs) and is gone with the next restart.']],
  [
    0x794c7630,
    ['container', 'The image lies in the layers of a container (overlayfs) and is gone with the container.'],
  ],
  [0x6969, ['network', 'The image lies on NFS: a connection that breaks can cost what was not synced.']],
  [0xff534d42, ['network', 'The image lies on CIFS: a connection that breaks can cost what was not synced.']],
  [0xfe534d42, ['network', 'The image lies on SMB: a connection that breaks can cost what was not synced.']],
]);

/** What programs that synchronise directories call the directory, or put into it. */
const syncedNames = /^(?:Dropbox|OneDrive|Nextcloud|ownCloud|Google ?Drive|iCloud|MEGA|pCloudDrive|Syncthing)\b/i;
const syncMarks = ['.stfolder', '.dropbox', '.owncloudsync.log', '.sync_journal.db', '._sync_journal.db'];

/** Where the image is, whose it is, who else may have it, and whether its space is its own. */
export function checkPlace(imageFd: number, image: string): readonly VaultFinding[] {
  return [
    ...orFine(permissions(imageFd, image), 'permissions', 'The image is yours, and nobody else can read it.'),
    ...orFine([...fileSystemOf(image), ...synced(image)], 'place', 'The image lies on a disk of its own right.'),
    ...orFine(space(imageFd, image), 'space', 'All of the image’s space is allocated, or free on its disk.'),
  ];
}

function permissions(imageFd: number, image: string): VaultFinding[] {
  const {uid, mode} = fstatSync(imageFd);
  const folder = dirname(image);
  const above = statSync(folder);
  const own = process.getuid!();
  return [
    ...(uid === own
      ? []
      : [error('owner', `The image belongs to another user, uid ${uid}.`, `ls -ln ${shellWord(image)}`)]),
    ...((mode & 0o077) === 0
      ? []
      : [
          warning(
            'mode',
            'Other users can read the image and guess at its passphrase.',
            `chmod 600 ${shellWord(image)}`,
          ),
        ]),
    ...((above.mode & 0o022) === 0 || (above.mode & 0o1000) !== 0
      ? []
      : [
          warning(
            'directory-mode',
            'Other users can write to the directory of the image, and remove or replace it.',
            `chmod go-w ${shellWord(folder)}`,
          ),
        ]),
  ];
}

function fileSystemOf(image: string): VaultFinding[] {
  const place = places.get(statfsSync(dirname(image)).type);
  return place === undefined ? [] : [warning(place[0], place[1], 'tazpod vault backup FILE')];
}

/** A program that copies the image while it is open brings inconsistent copies to other machines, and may put them here. */
function synced(image: string): VaultFinding[] {
  for (let folder = dirname(image); folder !== '/'; folder = dirname(folder)) {
    const isSynced = syncedNames.test(basename(folder)) || syncMarks.some((mark) => existsSync(join(folder, mark)));
    if (!isSynced) continue;
    const detail = `${folder} seems to be synchronised: copies of an open image are inconsistent, and one may replace it.`;
    return [warning('synchronised', detail, 'tazpod vault create --image ~/.tazpod-vault/vault.img')];
  }
  return [];
}

function space(imageFd: number, image: string): VaultFinding[] {
  const {size, blocks} = fstatSync(imageFd);
  const missing = size - blocks * 512;
  const {bavail, bsize} = statfsSync(dirname(image));
  const free = bavail * bsize;
  if (missing <= free) return [];
  const detail = `The image still needs ${formatSize(missing)} of its disk, and ${formatSize(free)} are free there.`;
  return [warning('disk-full', detail, `df -h ${shellWord(dirname(image))}`)];
}

import {dirname, join} from 'node:path';
import {exitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';
import {shellWord} from '../foundation/shell-word.ts';
import type {BridgePlan, GhostPlan, Isolation, KeyForm} from '../lifecycle/plan.ts';
import type {Refusal} from '../luks/refusal.ts';
import {vaultCommand} from './given-image.ts';

// Where a vault is

export function noVaultAt(image: string): Failure {
  return new Failure(exitCode.noInput, `There is no vault at ${image}.`, {next: 'tazpod vault create'});
}

/** `open` are the images of other vaults, which are open, and `next` locks them. */
export function noVaultHere(image: string, open: readonly string[], next: string): Failure {
  return new Failure(exitCode.noInput, `There is no vault at ${image}.`, {why: `Open now: ${open.join(', ')}.`, next});
}

/** `known` are the names that there are. */
export function noSuchVault(name: string, known: readonly string[]): Failure {
  return new Failure(exitCode.noInput, `There is no vault with the name ${JSON.stringify(name)}.`, {
    why: known.length === 0 ? 'No vault has a name yet.' : `The names are: ${known.join(', ')}.`,
    next: known.length === 0 ? 'tazpod vault add NAME PATH' : 'tazpod vault list',
  });
}

export function notANameOfVault(name: string): Failure {
  return new Failure(exitCode.usage, `${JSON.stringify(name)} cannot be the name of a vault.`, {
    why: 'A name has up to 64 letters, digits, ".", "_" and "-", and begins with a letter or a digit.',
    next: 'tazpod vault add NAME PATH',
  });
}

export function vaultNameTaken(name: string, image: string, mountPoint = 'the usual place'): Failure {
  return new Failure(exitCode.cannotCreate, `The name ${name} belongs to ${image}, mounted at ${mountPoint}.`, {
    next: `tazpod vault forget ${name}`,
  });
}

/** `why` is a sentence with the file and the command that mends it. */
export function recordDistrusted(why: string): Failure {
  return new Failure(exitCode.config, why, {next: 'tazpod vault list'});
}

export function recordInvalid(path: string, name: string): Failure {
  return new Failure(exitCode.config, `${path} does not say where the vault ${name} is.`, {
    why: 'It must be JSON with an absolute path as "image", and perhaps one as "mount-point".',
    next: `tazpod vault forget ${name}`,
  });
}

export function noWorkingDirectory(cause: unknown): Failure {
  return new Failure(exitCode.noInput, 'The working directory no longer exists.', {
    why: 'It was removed while the shell was in it.',
    next: 'cd',
    cause,
  });
}

export function mountPointOutsideHome(mountPoint: string, home: string): Failure {
  const what = `The mount point ${mountPoint} is not below your home directory ${home}.`;
  return new Failure(exitCode.noPermission, what, {
    next: `tazpod vault unlock --mount-point ${join(home, 'secrets')}`,
  });
}

export function mountPointNotCreated(mountPoint: string, error: unknown): Failure {
  return new Failure(exitCode.cannotCreate, `The mount point ${mountPoint} cannot be created.`, {
    why:
      (error as NodeJS.ErrnoException).code === 'EEXIST'
        ? 'A file with that name exists.'
        : 'Its parent directory is not writable.',
    next: 'tazpod vault unlock --mount-point DIR',
    cause: error,
  });
}

export function mountPointIsFile(mountPoint: string): Failure {
  return new Failure(exitCode.cannotCreate, `The mount point ${mountPoint} is not a directory.`, {
    next: 'tazpod vault unlock --mount-point DIR',
  });
}

export function rootCannotAccessImage(mount: string): Failure {
  return new Failure(exitCode.noPermission, `Root cannot access ${mount}, which contains the image.`, {
    why: 'It is a FUSE mount that only its user can access, unless it is mounted with -o allow_other.',
    next: 'tazpod vault unlock --isolation private',
  });
}

export function rootCannotAccessKey(mount: string, path: string, form: KeyForm): Failure {
  return new Failure(exitCode.noPermission, `Root cannot access ${mount}, which contains the passphrase or key.`, {
    why: 'It is a FUSE mount that only its user can access.',
    next: `cat ${path} | tazpod vault exec ${form === 'key' ? '--key-file' : '--passphrase-file'} - -- COMMAND`,
  });
}

type BridgeOf = BridgePlan & {readonly source: string};

/** `why` is a clause. */
export function bridgeNotAllowed(bridge: BridgeOf, why: string): Failure {
  return new Failure(exitCode.config, `${describeBridge(bridge)} is not allowed; ${bridge.source} asks for it.`, {
    why: sentence(why),
    next: 'tazpod config --explain',
  });
}

/** The warning about one that a plugin asks for. `why` is a clause. */
export function bridgeIgnored(bridge: BridgeOf, why: string): string {
  return `${describeBridge(bridge)}, from ${bridge.source}, is ignored: ${why}.`;
}

function describeBridge({home, vault}: BridgePlan): string {
  return `The bridge from ${JSON.stringify(home)} in the home to ${JSON.stringify(vault)} in the vault`;
}

// What was typed

export function argumentNotUtf8(number: number): Failure {
  return new Failure(exitCode.usage, `Argument ${number} is not UTF-8.`, {
    why: 'TazPod cannot pass it on byte for byte.',
    next: 'rename the file to a name in UTF-8',
  });
}

export function variableNotUtf8(name: string): Failure {
  return new Failure(exitCode.usage, `The variable ${name} is not UTF-8.`, {
    why: 'TazPod cannot pass it on byte for byte.',
    next: `unset ${name}`,
  });
}

export function directoryNotUtf8(): Failure {
  return new Failure(exitCode.usage, 'The name of the working directory is not UTF-8.', {
    why: 'TazPod cannot pass it on byte for byte.',
    next: 'cd',
  });
}

export function twoKeySources(prefix: '' | 'new-' = ''): Failure {
  return new Failure(exitCode.usage, `--${prefix}passphrase-file and --${prefix}key-file cannot be combined.`, {
    next: 'use one of them',
  });
}

export function keyTakesAllInput(): Failure {
  return new Failure(exitCode.usage, 'Standard input cannot hold a key file and the new key behind it.', {
    why: '--key-file - reads standard input to its end.',
    next: 'tazpod vault passwd --key-file FILE --new-passphrase-file -',
  });
}

export function invalidKeyName(name: string): Failure {
  return new Failure(exitCode.usage, `${JSON.stringify(name)} cannot be the name of a key.`, {
    why: 'A name has 1 to 32 letters, digits, and . _ -, and begins with a letter.',
    next: 'tazpod vault key add laptop',
  });
}

export function keyNotRemoved(name: string, canAsk: boolean): Failure {
  return new Failure(exitCode.usage, `The key ${name} was not removed.`, {
    why: canAsk ? 'You did not agree.' : 'There is no terminal to ask you.',
    next: `tazpod vault key remove ${name} --yes`,
  });
}

export function openWhileKeysChange(): Failure {
  return new Failure(exitCode.busy, 'The vault is open, and its keys can be changed only while it is locked.', {
    next: 'tazpod vault lock',
  });
}

export function keysNotChanged(): Failure {
  return new Failure(exitCode.software, 'The ghost ended before it said what became of the keys.', {
    why: 'Either the old keys or the new ones open the vault.',
    next: 'tazpod vault key list',
  });
}

export function recoveryNeedsTerminal(): Failure {
  return new Failure(exitCode.usage, 'A recovery key can only be shown on a terminal.', {
    why: 'It never goes through a pipe, nor into a file.',
    next: 'tazpod vault key add --new-passphrase-file FILE',
  });
}

export function notASize(text: string): Failure {
  return new Failure(exitCode.usage, `"${text}" is not a size.`, {next: 'tazpod vault create --size 512M'});
}

export function tooSmall(size: string, least: string): Failure {
  return new Failure(exitCode.usage, `A vault of ${size} is too small.`, {
    why: `LUKS2 and ext4 need ${least} together.`,
    next: `tazpod vault create --size ${least.replace(' MiB', 'M')}`,
  });
}

export function tooLarge(size: string, largest: string): Failure {
  return new Failure(exitCode.usage, `A vault of ${size} is too large.`, {
    why: `The largest vault is ${largest}.`,
    next: 'tazpod vault create --size 512M',
  });
}

export function noCommand(): Failure {
  return new Failure(exitCode.usage, 'No command was given.', {next: 'tazpod vault exec -- COMMAND'});
}

export function noVariableName(name: string): Failure {
  return new Failure(exitCode.usage, `--only expects variable names: ${JSON.stringify(name)} is not one.`, {
    next: 'tazpod exec --only A,B -- COMMAND',
  });
}

// Starting the ghost

/** `why` is a clause. */
export function sealedNeedsRoot(why: string): Failure {
  return new Failure(exitCode.noPermission, 'A sealed session needs root.', {
    why: sentence(why),
    next: 'tazpod doctor',
  });
}

export function noTemporaryDirectory(reasons: string[]): Failure {
  return new Failure(exitCode.cannotCreate, 'No directory for temporary files is usable.', {
    why: `${[...reasons, 'none of /tmp, /var/tmp and /dev/shm can be used'].join('; ')}.`,
    next: 'export XDG_RUNTIME_DIR="$HOME"',
  });
}

/** `node` is the Node that this process runs on. */
export function noNode(node: string): Failure {
  return new Failure(exitCode.unavailable, 'The privileged half of TazPod finds no Node.js to run on.', {
    why: 'It needs version 22.15 or newer; as root, one that belongs to root.',
    next: `sudo install --mode=0755 ${node} /usr/local/bin/node`,
  });
}

export function ghostNotStarted(file: string, error: NodeJS.ErrnoException): Failure {
  return new Failure(exitCode.unavailable, `${file} cannot be started.`, {
    why: `The kernel returned ${error.code ?? 'an error'}.`,
    next: 'tazpod doctor',
    cause: error,
  });
}

export function sudoRefused(operation: GhostPlan['operation']): Failure {
  return new Failure(exitCode.noPermission, 'sudo did not run the privileged half of TazPod.', {
    why: 'Its own message is above. Without root, a session can only be private.',
    next: operation === 'open' ? 'tazpod vault unlock --isolation private' : 'sudo --list',
  });
}

export function ghostEnded(): Failure {
  return new Failure(exitCode.busy, 'The ghost ended before it finished.', {next: 'tazpod doctor'});
}

// Creating a vault

export function imageExists(image: string): Failure {
  return new Failure(exitCode.cannotCreate, `${image} already exists.`, {
    why: 'TazPod never overwrites a file with a new vault.',
    next: vaultCommand('vault unlock', image),
  });
}

export function directoryUnusable(directory: string, error: unknown): Failure {
  const {code = 'an error'} = error as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    EACCES: 'You do not have permission to write there.',
    EEXIST: 'A file with that name already exists.',
    ENOTDIR: 'One of its parents is a file, not a directory.',
    EROFS: 'The file system is read-only.',
  };
  return new Failure(exitCode.cannotCreate, `A vault cannot be created in ${directory}.`, {
    why: reasons[code] ?? `The kernel returned ${code}.`,
    next: 'tazpod vault create --image ~/.tazpod-vault/vault.img',
    cause: error,
  });
}

export function noSpace(directory: string, free: string, needed: string): Failure {
  return new Failure(exitCode.cannotCreate, 'Not enough space for the image.', {
    why: `${directory} has ${free} free, and the image needs ${needed}.`,
    next: 'tazpod vault create --size SIZE',
  });
}

export function noMemoryOfPbkdf2(): Failure {
  return new Failure(exitCode.usage, '--pbkdf-memory does not apply to pbkdf2.', {
    next: 'tazpod vault create --pbkdf pbkdf2',
  });
}

export function notCreated(code: number): Failure {
  return new Failure(exitCode.software, 'The vault was not created.', {
    why: `The ghost ended with ${code} before it finished.`,
    next: 'tazpod doctor',
  });
}

// Opening a vault

export function noTerminalForPassphrase(): Failure {
  return new Failure(exitCode.usage, 'TazPod cannot ask for the passphrase: there is no terminal.', {
    why: 'Pass --passphrase-file FILE to this command, or set the variable for every command.',
    next: 'export TAZPOD_PASSPHRASE_FILE=FILE',
  });
}

export function alreadyOpen(isolation: Isolation): Failure {
  return new Failure(exitCode.busy, 'The vault is already open.', {
    why:
      isolation === 'sealed'
        ? 'One of your ghosts has it open with sealed isolation; join it with --isolation sealed.'
        : 'One of your ghosts has it open, and this command does not join it.',
    next: 'tazpod vault status',
  });
}

export function shellUnusable(shell: string, why: string): Failure {
  return new Failure(exitCode.unavailable, `Your login shell ${shell} cannot run a session.`, {
    why,
    next: 'SHELL=/bin/bash tazpod unlock',
  });
}

// Inside a ghost

export function alreadyInside(image: string, mountPoint: string): Failure {
  return new Failure(exitCode.usage, 'This shell is already inside the vault.', {
    why: `It is ${image}, at ${mountPoint}.`,
    next: 'tazpod status',
  });
}

export function cannotOpenAgain(): Failure {
  return new Failure(exitCode.busy, 'This shell is already inside the vault.', {
    why: '--no-join needs a vault that is not open.',
    next: 'tazpod status',
  });
}

/** A vault that was meant and is not the one that is open here. */
export function otherVault(open: string, image: string): Failure {
  return new Failure(exitCode.usage, 'This shell is inside the ghost of another vault.', {
    why: `${open} is open here, and no other vault can be opened or locked from inside: ${image}.`,
    next: 'exit',
  });
}

/** A command that has no meaning inside a ghost. */
export function onlyOutside(what: string): Failure {
  return new Failure(exitCode.usage, what, {why: 'A process inside a ghost cannot become root.', next: 'exit'});
}

export function openReadOnly(what: string): Failure {
  return new Failure(exitCode.usage, `${what} writes into the vault, which is open read-only.`, {
    why: 'Nothing in it can be changed until it is locked and opened again.',
    next: 'exit',
  });
}

export function openOtherwise(what: string): Failure {
  return new Failure(exitCode.usage, what, {
    why: 'These options are set when the vault is unlocked, and apply until it is locked.',
    next: 'tazpod lock',
  });
}

// Locking and cleaning

export function notLocked(): Failure {
  return new Failure(exitCode.busy, 'The vault was not locked.', {next: 'tazpod vault status'});
}

export function vaultsNotClosed(images: readonly string[], cause: unknown): Failure {
  return new Failure(exitCode.busy, `${images.length} vaults were not closed.`, {
    why: `${images.join(', ')}.`,
    next: 'tazpod vault list',
    cause,
  });
}

export function leftoversRemain(left: readonly string[]): Failure {
  return new Failure(exitCode.busy, 'Leftovers of the vault remain.', {
    why: `${left.join('; ')}.`,
    next: 'tazpod vault clean --dry-run',
  });
}

export function strategyBroken(strategy: string, plugin: string, why: string, cause: unknown): Failure {
  return new Failure(exitCode.unavailable, `The strategy ${strategy} of the plugin ${plugin} does not work.`, {
    why,
    next: 'tazpod vault status',
    cause,
  });
}

export function nothingObserved(): Failure {
  return new Failure(exitCode.software, 'The ghost did not report what it found.', {next: 'tazpod doctor'});
}

export function cleaningNotAgreed(found: readonly string[]): Failure {
  return new Failure(exitCode.busy, 'Running processes use the vault; TazPod changed nothing.', {
    why: `${found.join('; ')}.`,
    next: 'tazpod vault clean --yes',
  });
}

// Adopting and absorbing

export function nothingAdopted(): Failure {
  return new Failure(exitCode.software, 'The ghost did not report what it changed.', {
    next: 'run it again with --debug and report it',
  });
}

export function adoptionNotAgreed(canAsk: boolean): Failure {
  return new Failure(exitCode.usage, 'The owner was not changed: this needs your confirmation.', {
    why: canAsk ? 'You answered no.' : 'TazPod cannot ask: there is no terminal.',
    next: 'tazpod vault adopt --yes',
  });
}

export function absorbInside(): Failure {
  return new Failure(exitCode.busy, 'A session cannot see files outside its vault.', {
    why: 'Leave the session, and absorb them from outside.',
    next: 'exit',
  });
}

export function absorbWhileOpen(mountPoint: string): Failure {
  return new Failure(exitCode.busy, 'The vault is open.', {
    why: `Its sessions hide the files outside the vault in ${mountPoint}.`,
    next: 'tazpod lock && tazpod vault absorb',
  });
}

export function notAbsorbed(code: number): Failure {
  return new Failure(exitCode.software, 'Some files were not moved into the vault.', {
    why: `The session ended with ${code}. The moved files are in a directory absorbed-… of the vault.`,
    next: 'tazpod vault absorb',
  });
}

export function leftOutside(mountPoint: string, left: readonly string[]): Failure {
  return new Failure(exitCode.cannotCreate, `Some files in ${mountPoint} are still outside the vault.`, {
    why: `A warning says why. Left there: ${left
      .slice(0, 3)
      .map((name) => JSON.stringify(name))
      .join(', ')}.`,
    next: 'tazpod vault absorb',
  });
}

// Backup and restore

export function imageUnreadable(image: string, cause?: unknown): Failure {
  const {code} = (cause ?? {}) as NodeJS.ErrnoException;
  return new Failure(exitCode.noInput, `${image} cannot be read.`, {
    why: code === undefined ? 'It is not a regular file.' : `The kernel returned ${code}.`,
    next: `ls -l ${image}`,
    cause,
  });
}

/** `what` is a participle: what cannot be done to an open vault. */
export function mustBeLocked(what: string): Failure {
  return new Failure(exitCode.busy, `A vault cannot be ${what} while it is open.`, {
    why: 'A copy of an image that a session writes to would be inconsistent.',
    next: 'tazpod lock',
  });
}

export function imageBusy(): Failure {
  return new Failure(exitCode.busy, 'Another process is opening or closing the vault, or copying it.', {
    next: 'tazpod vault status',
  });
}

/** `leftovers` are sentences, each with the command that mends it. */
export function imageInUse(leftovers: readonly string[]): Failure {
  return new Failure(exitCode.busy, 'Another program may write to the image.', {
    why: leftovers.join(' '),
    next: 'tazpod vault clean --dry-run',
  });
}

export function headerUnusable(path: string, {exitCode: code, what, why}: Refusal): Failure {
  return new Failure(code, what, {
    why: `${why ?? ''} It is ${path}.`.trim(),
    next: `cryptsetup luksDump ${shellWord(path)}`,
  });
}

export function fileTaken(path: string): Failure {
  return new Failure(exitCode.cannotCreate, `${path} already exists.`, {
    why: 'TazPod never overwrites a file with a backup.',
    next: 'tazpod vault backup FILE',
  });
}

export function backupInMountPoint(mountPoint: string): Failure {
  return new Failure(exitCode.usage, 'A backup cannot be kept in the vault that it is a backup of.', {
    why: `${mountPoint} is the mount point, and sessions hide the files that lie there outside the vault.`,
    next: 'tazpod vault backup FILE',
  });
}

export function imageChanged(): Failure {
  return new Failure(exitCode.busy, 'The image changed while it was copied.', {
    why: 'A program that does not ask for its lock writes to it. The copy was removed.',
    next: 'tazpod vault status',
  });
}

export function copyDiffers(): Failure {
  return new Failure(exitCode.ioError, 'The copy is not what was written.', {
    why: 'Its digest differs from that of the original, so its disk is faulty. The copy was removed.',
    next: 'write it to another disk',
  });
}

export function headerDiffers(): Failure {
  return new Failure(exitCode.ioError, 'The header of the copy is not what was written.', {
    next: 'write it to another disk',
  });
}

const copyErrors: Readonly<Record<string, string>> = {
  EACCES: 'You do not have permission to write there.',
  EPERM: 'You do not have permission to write there.',
  EROFS: 'The file system is read-only.',
  ENOSPC: 'The disk is full.',
  EDQUOT: 'Your quota is used up.',
  EFBIG: 'The file system, or a limit of this process, takes no file of that size.',
  ENOTDIR: 'One of its parents is a file, not a directory.',
  EEXIST: 'Something with that name exists.',
  ENAMETOOLONG: 'The name is too long.',
};

/** Undefined for an error that is not about writing a file. */
export function copyNotWritten(path: string, error: unknown): Failure | undefined {
  const why = copyErrors[(error as NodeJS.ErrnoException).code ?? ''];
  if (why === undefined || error instanceof Failure) return undefined;
  return new Failure(exitCode.cannotCreate, `The copy in ${dirname(path)} was not written.`, {
    why: `${why} Nothing is left of it.`,
    next: `df -h ${shellWord(dirname(path))}`,
    cause: error,
  });
}

/** The words of an opening that failed, for the copy. */
export function copyDoesNotOpen({code, message, why, cause}: Failure): Failure {
  return new Failure(code, 'The copy was made but could not be opened, and was removed.', {
    why: [message, why].filter((each) => each !== undefined).join(' '),
    next: 'run it again with --no-open to keep a copy that is compared only',
    cause,
  });
}

export function copyNotOpened(code: number): Failure {
  return new Failure(exitCode.software, 'The copy was not opened, and was removed.', {
    why: `The session ended with ${code}.`,
    next: 'run it again with --no-open to keep a copy that is compared only',
  });
}

export function noBackupAt(file: string): Failure {
  return new Failure(exitCode.noInput, `There is no backup at ${file}.`, {next: `ls -l ${shellWord(dirname(file))}`});
}

export function backupIsTheImage(file: string): Failure {
  return new Failure(exitCode.usage, `${file} is the image itself.`, {next: 'tazpod vault restore FILE'});
}

export function backupBusy(file: string): Failure {
  return new Failure(exitCode.busy, `${file} is in use.`, {
    why: 'It is open as a vault, or another process is copying it.',
    next: vaultCommand('vault status', file),
  });
}

export function backupIsHeader(file: string): Failure {
  return new Failure(exitCode.data, `${file} is a backup of a header only.`, {
    why: 'It has the key slots of a vault and none of its data.',
    next: `tazpod vault restore --header ${shellWord(file)}`,
  });
}

export function backupIsImage(file: string): Failure {
  return new Failure(exitCode.data, `${file} is a whole image, and no backup of a header.`, {
    next: `tazpod vault restore ${shellWord(file)}`,
  });
}

export function headerOfAnotherVault(file: string): Failure {
  return new Failure(exitCode.data, `The header in ${file} does not fit this image.`, {
    why: 'It is of another volume key or of another size, and the data of this image could not be read with it.',
    next: 'tazpod vault restore --header FILE',
  });
}

export function restoreNotAgreed(canAsk: boolean): Failure {
  return new Failure(exitCode.usage, 'Nothing was restored: this needs your confirmation.', {
    why: canAsk ? 'You answered no.' : 'TazPod cannot ask: there is no terminal.',
    next: 'tazpod vault restore FILE --yes',
  });
}

// Destroying

export function notLuks(image: string): Failure {
  return new Failure(exitCode.data, `${image} is not a LUKS2 image.`, {
    why: 'TazPod destroys nothing but vaults.',
    next: `ls -l ${shellWord(image)}`,
  });
}

export function notErased(image: string, error: unknown): Failure {
  const {code = 'an error'} = error as NodeJS.ErrnoException;
  return new Failure(exitCode.ioError, 'The vault was not destroyed, or not in whole.', {
    why: copyErrors[code] ?? `The kernel returned ${code}.`,
    next: vaultCommand('vault destroy', image),
    cause: error,
  });
}

export function destructionNotAgreed(asked: boolean): Failure {
  return new Failure(exitCode.usage, 'The vault was not destroyed: this needs your confirmation.', {
    why: asked ? 'That was not its name.' : 'TazPod cannot ask: there is no terminal.',
    next: 'tazpod vault destroy --yes',
  });
}

function sentence(clause: string): string {
  return `${clause[0]!.toUpperCase()}${clause.slice(1)}.`;
}

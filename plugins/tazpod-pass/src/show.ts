import type {BackendContext} from 'tazpod/contract';
import {quoted} from '../../../plugin-kit/quoted.ts';
import {disappeared, keyLocked, keyMissing, noAgent, noGpg, notEncrypted, notShown} from './failures.ts';
import {run} from './program.ts';
import type {Settings} from './settings.ts';
import {type Entry, gpgIdOf} from './store.ts';

/**
 * `--status-fd 2` has gpg report what happened in words for programs. A user who reads many secrets must not meet a
 * prompt for each, under a list of progress: with `--pinentry-mode error` a locked key is an error, which says how to
 * unlock it.
 */
const quiet = '--no-tty --status-fd 2 --pinentry-mode error';
const asking = '--status-fd 2';

export type Shown = {
  readonly value: Buffer;
  /** The file has more lines than its value. */
  readonly isCut: boolean;
};

/** One secret, decrypted by pass. With `ask`, gpg may ask for the passphrase of the key, however long that takes. */
export async function show(
  context: BackendContext,
  {store, content}: Pick<Settings, 'store' | 'content'>,
  entry: Entry,
  ask = false,
): Promise<Shown> {
  const {code, stdout, stderr} = await run(context, 'pass', ['show', '--', entry.passName], {
    store,
    gpgOptions: ask ? asking : quiet,
    ...(ask ? {} : {timeoutMs: context.timeoutMs}),
  });
  // The words of gpg count besides the exit code: pass prints a picture, and 0, where a folder has the name by now.
  if (code === 0 && stderr.includes('[GNUPG:] DECRYPTION_OKAY')) return cut(stdout, content);
  stdout.fill(0);
  throw await explain(context, store, entry, code, stderr);
}

/** The part that is the secret. What is cut off is wiped. */
function cut(whole: Buffer, content: Settings['content']): Shown {
  const newline = whole.indexOf('\n');
  const isOneLine = newline === -1 || newline === whole.length - 1;
  if (newline === -1 || content === 'file' || (content === 'auto' && !isOneLine)) return {value: whole, isCut: false};
  const value = Buffer.from(whole.subarray(0, newline));
  whole.fill(0);
  return {value, isCut: !isOneLine};
}

async function explain(
  context: BackendContext,
  store: string,
  entry: Entry,
  code: number | undefined,
  stderr: string,
): Promise<Error> {
  const name = quoted(entry.passName);
  const by = async () => quoted((await gpgIdOf(store, entry)) ?? 'nobody');
  if (code === 127 || /gpg2?: (command )?not found/.test(stderr)) {
    return noGpg();
  }
  if (/can't connect to the (gpg-)?agent|no gpg-agent running|failed to start/i.test(stderr)) {
    return noAgent();
  }
  if (/^\[GNUPG:\] NODATA/m.test(stderr)) {
    return notEncrypted(name);
  }
  const keys = [...stderr.matchAll(/^\[GNUPG:\] ENC_TO ([0-9A-F]{16}) /gm)].map(([, key]) => key!);
  if (/^\[GNUPG:\] DECRYPTION_FAILED/m.test(stderr) && keys.length > 0) {
    // gpg says "No secret key" for a key that it has not, and for one that it may not ask the passphrase of.
    const listing = ['--batch', '--with-colons', '--list-secret-keys', '--', ...keys];
    const {code: found, stdout} = await run(context, 'gpg', listing, {
      store,
      gpgOptions: '',
      timeoutMs: context.timeoutMs,
    });
    if (found === 0 || stdout.includes('\nssb:')) {
      return keyLocked(await by(), context.name);
    }
    return keyMissing(name, await by());
  }
  if (/is not in the password store/.test(stderr)) {
    return disappeared(name);
  }
  return notShown(name, code);
}

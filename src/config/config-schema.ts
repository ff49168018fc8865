import {isPrintable} from '../foundation/printable.ts';
import {z} from 'zod';
import {shareNames} from '../foundation/share.ts';
import {sizePattern} from '../foundation/size.ts';

/** A file below a folder: `~/` is the home, a relative path is meant from the project's folder. */
const path = z
  .string()
  .min(1)
  .max(4096)
  .refine((text) => !/\p{C}/u.test(text), {error: 'must have no control characters.'})
  .refine((text) => !/^~[^/]/.test(text), {
    error: 'may begin with "~/" for your home directory; write out other home directories.',
  });

const relativePath = z
  .string()
  .max(1024)
  .refine((text) => !/\p{C}/u.test(text) && text.split('/').every((name) => !['', '.', '..'].includes(name)), {
    error: 'must be a relative path without "." and "..".',
  });

/** Words that a shell reads in a way of its own. A function of that name would break the shell that defines it. */
const wordsOfShells = new Set(
  (
    '. : [ alias and begin bg bind break builtin case cd command continue coproc declare disown do done echo elif else ' +
    'end enable esac eval exec exit export false fc fg fi for function getopts hash history if in jobs kill let local ' +
    'not or popd printf pushd pwd read readonly repeat return select set shift shopt source switch test then time trap ' +
    'true type typeset ulimit umask unalias unset until wait while tazpod'
  ).split(' '),
);

/** What ends up in shell code and on terminals has no character that means something there. */
const programName = z
  .string()
  .max(64)
  .regex(/^\w[\w.+-]*$/, {error: 'must be the name of a program: letters, digits, "_", ".", "+" and "-", no path.'})
  .refine((name) => !wordsOfShells.has(name), {error: 'is a keyword or a builtin of shells.'});

/** One line that goes to a terminal. */
export const remark = z.string().max(200).refine(isPrintable, {error: 'must be one line without control characters.'});

/** `tazpod-infisical`, `@team/tazpod-pack`. */
const packageName = z
  .string()
  .max(214)
  .regex(/^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/, {error: 'must be the name of an npm package.'});

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, {
  error: 'must consist of lower-case letters, digits and hyphens.',
});

/** As `src/vault/known-vaults.ts` takes them. */
const vaultName = z.string().regex(/^[a-z\d][a-z\d._-]{0,63}$/i, {error: 'must be a name of "tazpod vault add".'});

/** The form of `config.yaml`: the user's, a project's, and a pack's `defaults`. */
export const configSchema = z
  .strictObject({
    image: path
      .optional()
      .describe(
        'The image of the vault. Default: .tazpod-vault/vault.img in the working directory or the nearest parent that has one.',
      ),
    'default-vault': vaultName
      .optional()
      .describe(
        'The name of the vault that is meant where nothing says another and no parent directory has one: see "tazpod vault add". Not allowed in a project file.',
      ),
    'mount-point': path
      .optional()
      .describe(
        'The directory below your home directory where the vault appears inside the ghost. Default: ~/secrets.',
      ),
    engine: z
      .enum(['dm-crypt', 'fuse'])
      .optional()
      .describe(
        'Where decryption happens: in the kernel or in a user-space process. Default: the best that the machine supports.',
      ),
    isolation: z
      .enum(['sealed', 'private'])
      .optional()
      .describe('"private" works without root; "sealed" needs it. Default: sealed if root or sudo is available.'),
    size: z
      .string()
      .regex(sizePattern, {error: 'must be a number with K, M, G or T: 512M.'})
      .optional()
      .describe('The size of a new image: a number with K, M, G or T. Default: 512M.'),
    share: z
      .array(z.enum(shareNames))
      .max(shareNames.length)
      .optional()
      .describe(
        'Services of your login that sessions may use: ssh-agent, wayland. Default: none. Not allowed in a project file.',
      ),
    bridges: z
      .array(
        z.strictObject({
          home: relativePath.describe('The directory, relative to the home directory: .infisical'),
          vault: relativePath.describe('Its place in the vault: .auth-infisical'),
        }),
      )
      .max(64)
      .optional()
      .describe('Directories of the home directory that live in the vault. Not allowed in a project file.'),
    latches: z
      .array(
        z.strictObject({
          command: programName.describe('The name of a program.'),
          reason: remark.optional().describe('Shown when the latch stops the command.'),
        }),
      )
      .max(64)
      .optional()
      .describe('Commands that do not run outside the vault. A convenience, not a security boundary.'),
    plugins: z
      .strictObject({
        allow: z
          .array(
            z.strictObject({
              name: packageName.describe('The name of the npm package.'),
              version: z.string().min(1).max(100).optional().describe('A range of versions: ^1.2.0'),
              integrity: z
                .string()
                .regex(/^sha(256|384|512)-[A-Za-z0-9+/]+={0,2}$/, {error: 'must look like sha512-….'})
                .optional()
                .describe('What npm writes into its lock file: sha512-…'),
            }),
          )
          .max(1000)
          .optional()
          .describe('The only plugins that may be installed and loaded. A project file can only narrow the list.'),
        registry: z
          .url({protocol: /^https?$/, error: 'must be an address that begins with https:// or http://.'})
          .optional()
          .describe('The npm registry for plugins. Default: npm’s own setting. Not allowed in a project file.'),
      })
      .optional()
      .describe('Which plugins may be used, and where they come from.'),
    cleanup: z
      .strictObject({
        strategy: name.optional().describe('The name of a strategy that a plugin provides: smart'),
      })
      .optional()
      .describe('How TazPod closes a vault that does not close by itself.'),
    shells: z
      .array(name)
      .max(16)
      .optional()
      .describe('The shells for "tazpod shell install" without an argument. Default: your login shell.'),
    'update-notice': z
      .enum(['daily', 'never'])
      .optional()
      .describe(
        'Whether commands in a terminal check for a new version and announce it. Default: daily. Not allowed in a project file.',
      ),
  })
  .describe('The configuration of TazPod');

/** What a file holds, as its schema reads it. */
export type ConfigDocument = z.infer<typeof configSchema>;

import {existsSync} from 'node:fs';
import {findLeftovers} from '../bed/leftovers.ts';
import {makeOwner} from '../bed/owner.ts';
import {kill, processTree, type Role} from '../bed/process-tree.ts';
import {atPrompt, openTerminal, type TestTerminal} from '../bed/terminal.ts';
import {until} from '../bed/until.ts';
import {makeVault, planVault, quickKdf, type TestVault} from '../bed/vault.ts';

/** A question that TazPod asks on the terminal, and what is typed to come to it. */
export type Prompt = {
  readonly name: string;
  readonly vault: 'there' | 'made';
  readonly asks: RegExp;
  come(terminal: TestTerminal, vault: TestVault): Promise<void> | void;
};

const places = ({image, mountPoint}: TestVault) => `--image ${image} --mount-point ${mountPoint}`;

const create = (terminal: TestTerminal, {image}: TestVault) =>
  terminal.enter(`tazpod vault create --image ${image} --size 32M ${quickKdf.join(' ')}`);

export const prompts: readonly Prompt[] = [
  {
    name: 'the passphrase of a vault',
    vault: 'there',
    asks: /Passphrase for /,
    come: (terminal, vault) => terminal.enter(`tazpod unlock ${places(vault)}`),
  },
  {
    name: 'the passphrase once more, after a wrong one',
    vault: 'there',
    asks: /Passphrase for [^]*Passphrase for /,
    come: async (terminal, vault) => {
      terminal.enter(`tazpod unlock ${places(vault)}`);
      await terminal.shows(/Passphrase for /);
      terminal.enter('wrong');
    },
  },
  {name: 'a new passphrase', vault: 'made', asks: /New passphrase for /, come: create},
  {
    name: 'a new passphrase the second time',
    vault: 'made',
    asks: /Repeat passphrase: /,
    come: async (terminal, vault) => {
      create(terminal, vault);
      await terminal.shows(/New passphrase for /);
      terminal.enter('correct horse battery staple');
    },
  },
  {
    name: 'whether to make a vault',
    vault: 'made',
    asks: /Create one of .*\[Y\/n\] /,
    come: (terminal, vault) => terminal.enter(`tazpod unlock ${places(vault)}`),
  },
];

/**
 * What happens instead of an answer. Not among it: SIGINT to the CLI alone, which it cannot tell from Ctrl-C, and leaves
 * to those who get the other half of that.
 */
export const interruptions = {
  'Ctrl-C': ({terminal}) => terminal.press('C-c'),
  'Ctrl-D': ({terminal}) => terminal.press('C-d'),
  'Ctrl-\\': ({terminal}) => terminal.press('C-\\'),
  'SIGTERM to the CLI': ({to}) => to('the CLI', 'SIGTERM'),
  'SIGHUP to the CLI': ({to}) => to('the CLI', 'SIGHUP'),
  'SIGKILL to the CLI': ({to}) => to('the CLI', 'SIGKILL'),
  'SIGTERM to sudo': ({to}) => to('sudo', 'SIGTERM'),
  'SIGKILL to sudo': ({to}) => to('sudo', 'SIGKILL'),
  'SIGTERM to the ghost': ({to}) => to('the ghost', 'SIGTERM'),
  'SIGKILL to the ghost': ({to}) => to('the ghost', 'SIGKILL'),
  'a closed terminal': ({terminal}) => terminal.close(),
} as const satisfies Readonly<
  Record<string, (hand: {terminal: TestTerminal; to: (role: Role, signal: NodeJS.Signals) => void}) => void>
>;

export type Interruption = keyof typeof interruptions;

/** What the user gets who is at the keyboard: the exit code, and no word of an error. */
const fromKeyboard: Partial<Record<Interruption, number>> = {'Ctrl-C': 130, 'Ctrl-D': 130, 'Ctrl-\\': 131};

/** A user who is asked, on a terminal that is used again as long as it is there. */
export class AskedUser {
  readonly #vaults: Readonly<Record<Prompt['vault'], TestVault>>;
  #terminal: TestTerminal | undefined;

  private constructor(vaults: Readonly<Record<Prompt['vault'], TestVault>>) {
    this.#vaults = vaults;
  }

  static async make(): Promise<AskedUser> {
    const owner = makeOwner();
    return new AskedUser({there: await makeVault(owner), made: planVault(owner)});
  }

  /** Comes to a prompt, is interrupted, and says what is wrong within two seconds. */
  async interrupt(prompt: Prompt, interruption: Interruption): Promise<string[]> {
    const vault = this.#vaults[prompt.vault];
    this.#terminal ??= await openTerminal(vault.owner);
    const terminal = this.#terminal;
    terminal.clear();
    await terminal.shows(atPrompt);
    await prompt.come(terminal, vault);
    await terminal.shows(prompt.asks);
    const tree = processTree(terminal.shellPid).slice(1);
    interruptions[interruption]({
      terminal,
      to: (role, signal) => {
        // Before the ghost is there, the CLI itself asks.
        const target = tree.find((process) => process.role === role);
        if (target !== undefined) kill(target, signal);
        else terminal.press('C-c');
      },
    });
    const gone = interruption === 'a closed terminal';
    if (gone) this.#terminal = undefined;
    const wrong = [
      ...(await leftWithin(2000, vault, {processes: tree, ...(gone ? {} : {terminal: terminal.path})})),
      ...(gone ? [] : await badManners(terminal, fromKeyboard[interruption])),
      ...(prompt.vault === 'made' && existsSync(vault.image) ? ['an image was made'] : []),
    ];
    if (wrong.length > 0) {
      this.#terminal?.close();
      this.#terminal = undefined;
    }
    return wrong;
  }

  close(): void {
    this.#terminal?.close();
  }
}

async function leftWithin(withinMs: number, ...what: Parameters<typeof findLeftovers>): Promise<readonly string[]> {
  let left: readonly string[] = [];
  await until('nothing is left', async () => (left = (await findLeftovers(...what)).vault).length === 0, {
    withinMs,
  }).catch(() => undefined);
  return left;
}

/** The shell that is left alone with the terminal must find it as it was, and the user's own choice is no error. */
async function badManners(terminal: TestTerminal, code: number | undefined): Promise<string[]> {
  let said = '';
  if (code !== undefined) {
    [said] = await terminal.shows(/[^]*^outside> ?$/m);
    terminal.enter('code=$?');
  }
  terminal.clear();
  terminal.enter('stty -a; echo "asked $code"');
  const screen = await terminal.shows(/(?:isig icanon|-icanon|-isig)[^]*^asked (\d+)$/m).catch(() => undefined);
  if (screen === undefined) return [`the shell does not answer:\n${terminal.screen(true)}`];
  const [modes, ended] = screen;
  return [
    ...['-echo', '-icanon', '-isig']
      .filter((mode) => new RegExp(`(^|\\s)${mode}(\\s|$)`).test(modes))
      .map((mode) => `the terminal is left with ${mode}`),
    ...(code === undefined || Number(ended) === code ? [] : [`it ended with ${ended}`]),
    ...(code !== undefined && /error:|bug/i.test(said) ? [`it said:\n${said}`] : []),
  ];
}

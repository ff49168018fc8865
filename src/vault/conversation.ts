import {once} from 'node:events';
import {createServer, type Socket} from 'node:net';
import {createInterface} from 'node:readline';
import {Failure} from '../foundation/failure.ts';
import type {Adopted, CliMessage, GhostMessage, OpenVault} from '../lifecycle/message.ts';
import type {InitId} from '../lifecycle/plan.ts';

/** Gets each message of the ghost in its order; the next one waits until the promise is settled. */
export type GhostListener = (message: GhostMessage) => Promise<void>;

/** What a ghost has told by its end. */
export type Told = {
  /** The ghost has connected. */
  readonly began: boolean;
  /** The ghost's word that the vault is closed came; without it the ghost was killed, or never began. */
  readonly orderly: boolean;
  /** The vault that was open, if it came to that. */
  readonly vault?: OpenVault;
  /** What was done to adopt the vault. */
  readonly adopted?: Adopted;
  /** The private ghost that is to be entered by a further call. */
  readonly enter?: InitId;
  readonly failure?: Failure;
};

/** The socket over which the CLI and the one ghost that it has called talk. */
export class Conversation {
  /** Resolves with the session's exit code if the ghost stays for others. */
  readonly lingers: Promise<number>;
  onStopped = (): void => {};
  /** Resolves when what the session has written is on the terminal, before the CLI writes there. */
  sessionShown = (): Promise<unknown> => Promise.resolve();
  readonly #listener: GhostListener;
  readonly #server = createServer();
  readonly #linger: (code: number) => void;
  #told: Told = {began: false, orderly: false};
  #socket: Socket | undefined;
  #lines: Promise<void> = Promise.resolve();

  constructor(listener: GhostListener) {
    this.#listener = listener;
    const {promise, resolve} = Promise.withResolvers<number>();
    [this.lingers, this.#linger] = [promise, resolve];
  }

  async listen(path: string): Promise<void> {
    this.#server.once('connection', (socket) => {
      this.#socket = socket.on('error', () => {});
      this.#told = {...this.#told, began: true};
      this.close();
      this.#lines = this.#hear(socket);
    });
    this.#server.listen(path);
    await once(this.#server, 'listening');
  }

  say(message: CliMessage): void {
    if (this.#socket?.writable) this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  /** What the ghost has told; its process has ended, or lingers. */
  async ended(): Promise<Told> {
    // A ghost that ended at once may have left a connection that nobody has accepted yet.
    for (let turn = 0; turn < 2 && this.#socket === undefined; turn++)
      await new Promise((resolve) => setImmediate(resolve));
    this.#socket?.end();
    await this.#lines;
    return this.#told;
  }

  close(): void {
    this.#server.close();
  }

  async #hear(socket: Socket): Promise<void> {
    try {
      for await (const line of createInterface({input: socket})) await this.#take(JSON.parse(line) as GhostMessage);
    } catch (error) {
      // A ghost that ends with something unread of ours resets the connection. Its exit code says the rest.
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
    }
  }

  async #take(message: GhostMessage): Promise<void> {
    this.#told = {...this.#told, ...newsIn(message)};
    if (message.say === 'lingers') this.#linger(message.code);
    if (message.say === 'stopped') this.onStopped();
    if (message.say === 'locked' || (message.say === 'phase' && message.phase === 'close')) await this.sessionShown();
    await this.#listener(message);
    if (message.say === 'terminal') this.say({say: 'clear'});
  }
}

function newsIn(message: GhostMessage): Partial<Told> {
  switch (message.say) {
    case 'ended':
      return {orderly: true};
    case 'adopted':
      return {adopted: {changed: message.changed, left: message.left}};
    case 'enter':
      return {enter: message.init};
    case 'open':
      return {vault: message.session};
    case 'failure':
      return {failure: Failure.fromJSON(message)};
    default:
      return {};
  }
}

import type {ReadStream} from 'node:tty';
import {Cancelled} from './cancelled.ts';

const key = {
  ctrlC: 3,
  ctrlD: 4,
  backspace: 8,
  lineFeed: 10,
  enter: 13,
  ctrlU: 21,
  ctrlZ: 26,
  ctrlBackslash: 28,
  delete: 127,
} as const;

/**
 * Asks on the terminal without showing what is typed, which stays bytes: the caller wipes them. Ctrl-U begins again.
 * Ctrl-Z stops the job as it does everywhere; what was typed until then is forgotten. Throws `Cancelled` on Ctrl-C,
 * Ctrl-\ and Ctrl-D.
 */
export async function askSecret(question: string): Promise<Buffer> {
  const stdin = process.stdin as ReadStream;
  const typed = Buffer.alloc(4096);
  let length = 0;
  /** The shell may have changed the terminal meanwhile, which Node does not notice: it is set again in any case. */
  const begin = () => {
    length = 0;
    stdin.setRawMode(false);
    // In raw mode the kernel shows nothing, so the question comes after it.
    stdin.setRawMode(true);
    process.stderr.write(`${question} `);
  };
  process.on('SIGCONT', begin);
  begin();
  stdin.resume();
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      const take = (chunk: Buffer) => {
        for (const byte of chunk) {
          switch (byte) {
            case key.enter:
            case key.lineFeed:
              stdin.off('data', take);
              return resolve(Buffer.from(typed.subarray(0, length)));
            case key.ctrlC:
            case key.ctrlD:
            case key.ctrlBackslash:
              stdin.off('data', take);
              return reject(new Cancelled(byte === key.ctrlBackslash ? 'SIGQUIT' : 'SIGINT'));
            case key.ctrlU:
              length = 0;
              break;
            case key.ctrlZ:
              stop(stdin);
              break;
            case key.backspace:
            case key.delete:
              // A character of UTF-8 goes with all its bytes.
              do length = Math.max(0, length - 1);
              while (length > 0 && (typed[length]! & 0xc0) === 0x80);
              break;
            default:
              if (length < typed.length) typed[length++] = byte;
          }
        }
        chunk.fill(0);
      };
      stdin.on('data', take);
    });
  } finally {
    process.off('SIGCONT', begin);
    typed.fill(0);
    stdin.pause();
    stdin.setRawMode(false);
    process.stderr.write('\n');
  }
}

/** Stops the whole job, the Node that has relaunched this one too, with the terminal as the shell needs it. */
function stop(stdin: ReadStream): void {
  stdin.setRawMode(false);
  process.stderr.write('\n');
  process.kill(0, 'SIGTSTP');
}

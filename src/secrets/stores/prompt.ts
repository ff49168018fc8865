import {createInterface} from 'node:readline/promises';
import type {ReadStream} from 'node:tty';
import {exitCode} from '../../lifecycle/exit-code.ts';
import {Failure} from '../../lifecycle/failure.ts';
import {printable} from '../../config/printable.ts';

/** Asks on the terminal. Throws a Failure (64) where there is none. */
export async function ask(question: string): Promise<string> {
  needTerminal();
  const terminal = createInterface({input: process.stdin, output: process.stderr});
  try {
    return (await terminal.question(`${printable(question, 200)} `)).trim();
  } finally {
    terminal.close();
  }
}

/**
 * Asks on the terminal without showing what is typed, which stays bytes: the caller wipes them. Ctrl+U begins anew.
 * Throws a Failure: 64 where there is no terminal, 77 on Ctrl+C and Ctrl+D.
 */
export async function askSecret(question: string): Promise<Buffer> {
  needTerminal();
  const stdin = process.stdin as ReadStream;
  process.stderr.write(`${printable(question, 200)} `);
  const typed = Buffer.alloc(4096);
  let length = 0;
  stdin.setRawMode(true);
  stdin.resume();
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      const take = (chunk: Buffer) => {
        for (const byte of chunk) {
          if (byte === 13 || byte === 10) {
            stdin.off('data', take);
            return resolve(Buffer.from(typed.subarray(0, length)));
          } else if (byte === 3 || byte === 4) {
            stdin.off('data', take);
            return reject(new Failure(exitCode.noPermission, 'It was interrupted.'));
          } else if (byte === 21) length = 0;
          else if (byte === 127 || byte === 8) {
            // A character of UTF-8 goes with all its bytes.
            do length = Math.max(0, length - 1);
            while (length > 0 && (typed[length]! & 0xc0) === 0x80);
          } else if (length < typed.length) typed[length++] = byte;
        }
        chunk.fill(0);
      };
      stdin.on('data', take);
    });
  } finally {
    typed.fill(0);
    stdin.pause();
    stdin.setRawMode(false);
    process.stderr.write('\n');
  }
}

/** Asks for a yes on the terminal; anything else is a no. */
export async function confirm(question: string): Promise<boolean> {
  return /^y(es)?$/i.test(await ask(question));
}

function needTerminal(): void {
  if (process.stdin.isTTY && process.stderr.isTTY) return;
  throw new Failure(exitCode.usage, 'There is no terminal to ask on.', {
    next: 'tazpod login --client-id ID --client-secret-file FILE',
  });
}

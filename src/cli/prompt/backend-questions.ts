import {printable} from '../../foundation/printable.ts';
import {ask as askOnTerminal} from './ask.ts';
import {askSecret as askSecretOnTerminal} from './ask-secret.ts';
import {noTerminalForSecret} from '../../secrets/failures.ts';

/** Asks a plugin's question on the terminal. Throws a Failure (64) without one. */
export async function ask(question: string): Promise<string> {
  needTerminal();
  return askOnTerminal(printable(question, 200));
}

/** The same without showing what is typed, which stays bytes: the caller wipes them. */
export async function askSecret(question: string): Promise<Buffer> {
  needTerminal();
  return askSecretOnTerminal(printable(question, 200));
}

function needTerminal(): void {
  if (process.stdin.isTTY && process.stderr.isTTY) return;
  throw noTerminalForSecret();
}

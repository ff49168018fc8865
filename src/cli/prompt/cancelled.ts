import {constants} from 'node:os';

/** The user answered a question with Ctrl-C, Ctrl-\ or Ctrl-D. The command ends with 130 or 131 and has nothing to say. */
export class Cancelled extends Error {
  readonly exitCode: number;

  constructor(signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT') {
    super('Cancelled.');
    this.name = 'Cancelled';
    this.exitCode = 128 + constants.signals[signal];
  }
}

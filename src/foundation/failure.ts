import type {ExitCode} from './exit-code.ts';

/** What a failure says beside its first sentence. */
export type FailureDetails = {
  /** Why it happened, one sentence. */
  readonly why?: string;
  /** The next command to type, or the thing to do. */
  readonly next?: string;
  /** The error underneath, for `--debug` only. */
  readonly cause?: unknown;
};

/** A failure as data. */
export type FailureJson = {code: ExitCode; what: string; why?: string; next?: string};

/**
 * Something that went wrong and that its user can understand: what happened, why, and the next command.
 *
 * It crosses the privilege line as data (`toJSON`), so it is recognised by its shape and never by `instanceof`
 * of another copy. It must not hold a secret, nor bytes of an untrusted file.
 */
export class Failure extends Error {
  readonly code: ExitCode;
  readonly why: string | undefined;
  readonly next: string | undefined;

  constructor(code: ExitCode, what: string, details: FailureDetails = {}) {
    super(what, details.cause === undefined ? undefined : {cause: details.cause});
    this.name = 'Failure';
    this.code = code;
    this.why = details.why;
    this.next = details.next;
  }

  /** The failure that such data describes. */
  static fromJSON({code, what, ...details}: FailureJson): Failure {
    return new Failure(code, what, details);
  }

  /** The same failure with another next command. */
  withNext(next: string): Failure {
    const {code, message, why, cause} = this;
    return new Failure(code, message, {...(why === undefined ? {} : {why}), next, cause});
  }

  /** The failure as plain data, without its cause. */
  toJSON(): FailureJson {
    return {
      code: this.code,
      what: this.message,
      ...(this.why === undefined ? {} : {why: this.why}),
      ...(this.next === undefined ? {} : {next: this.next}),
    };
  }
}

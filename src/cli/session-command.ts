import {BaseCommand} from './base-command.ts';
import type {SessionResult} from '../vault/session.ts';

/** What the commands share that become a session: its output is theirs, and so is its exit code. */
export abstract class SessionCommand extends BaseCommand<SessionResult> {
  /** Standard output belongs to the session. */
  protected override jsonStream(): NodeJS.WriteStream {
    return process.stderr;
  }

  protected finish(result: SessionResult): SessionResult {
    process.exitCode = result.code;
    return result;
  }
}

import type {OpenRequest} from '../vault/open-request.ts';
import type {Presentation} from '../vault/presentation.ts';
import {openOrCreate, type SessionResult} from '../vault/session.ts';
import {BaseCommand} from './base-command.ts';
import {type SessionFlags, sessionRequest} from './vault-request.ts';

/** What the commands share that become a session: its output is theirs, and so is its exit code. */
export abstract class SessionCommand extends BaseCommand<SessionResult> {
  /** Standard output belongs to the session. */
  protected override jsonStream(): NodeJS.WriteStream {
    return process.stderr;
  }

  /** Opens the vault, or creates it, and becomes a session in it. */
  protected async open(
    flags: SessionFlags,
    session: Pick<OpenRequest, 'command' | 'welcome'>,
    presentation: Presentation,
  ): Promise<SessionResult> {
    const request = {...sessionRequest(flags), ...session, bridges: await this.bridges()};
    return this.finish(await openOrCreate(request, presentation));
  }

  protected finish(result: SessionResult): SessionResult {
    process.exitCode = result.code;
    return result;
  }
}
